import type { Pool } from '@ropeline/core/postgres/connect.ts';
import type { OrderRecord, OrderState } from '@ropeline/core/stock/order-record.ts';

/** Orders as Postgres has them: complete, a moment behind Redis. */
export class OrderRows {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async read(orderId: string): Promise<OrderRecord | undefined> {
    const { rows } = await this.#pool.query<OrderRow>(`${selectOrders} where order_id = $1`, [orderId]);
    return rows.map(decodeOrderRow)[0];
  }

  /** The order behind an idempotency key: kept for ever. */
  async ofKey(memberId: string, offerId: number, key: string): Promise<OrderRecord | undefined> {
    const { rows } = await this.#pool.query<OrderRow>(
      `${selectOrders} where member_id = $1 and offer_id = $2 and idempotency_key = $3 and idempotency_key <> ''`,
      [memberId, offerId, key],
    );
    return rows.map(decodeOrderRow)[0];
  }

  /** When the stock Redis began the life that it lives now, Unix ms. */
  async lifeBegan(): Promise<number> {
    const { rows } = await this.#pool.query<{ since: Date }>('select since from stock_life');
    return rows[0]?.since.getTime() ?? 0;
  }

  async ofMemberAndOffers(memberId: string, offerIds: readonly number[]): Promise<readonly OrderRecord[]> {
    const { rows } = await this.#pool.query<OrderRow>(
      `${selectOrders} where member_id = $1 and offer_id = any($2::integer[])`,
      [memberId, offerIds],
    );
    return rows.map(decodeOrderRow);
  }

  /** Version and state of those that there are. */
  async versions(
    orderIds: readonly string[],
  ): Promise<ReadonlyMap<string, Pick<OrderRecord, 'orderId' | 'version' | 'state'>>> {
    const { rows } = await this.#pool.query<Pick<OrderRow, 'order_id' | 'version' | 'state'>>(
      'select order_id, version, state from orders where order_id = any($1::uuid[])',
      [orderIds],
    );
    return new Map(
      rows.map(({ order_id: orderId, version, state }) => [orderId, { orderId, version, state }]),
    );
  }

  /** All that can still move, in pages. */
  async *open(most: number): AsyncGenerator<readonly OrderRecord[]> {
    for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
      const { rows } = await this.#pool.query<OrderRow>(
        `${selectOrders} where state in ('RESERVED', 'PAYING') and order_id > $1 order by order_id limit $2`,
        [after, most],
      );
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map(decodeOrderRow);
      after = last.order_id;
    }
  }

  /** Newest first. */
  async ofMember(memberId: string, most: number): Promise<readonly OrderRecord[]> {
    const { rows } = await this.#pool.query<OrderRow>(
      `${selectOrders} where member_id = $1 order by created_at desc limit $2`,
      [memberId, most],
    );
    return rows.map(decodeOrderRow);
  }
}

const ms = (column: string): string => `round(extract(epoch from ${column}) * 1000)::bigint as ${column}`;

export const orderColumns = `
  order_id, version, state, offer_id, member_id, units, quantity, amount_minor, currency, attempt, entry,
  idempotency_key, body_hash, ${['hold_until', 'created_at', 'updated_at'].map(ms).join(', ')}`;

export const selectOrders = `select ${orderColumns} from orders`;

/** `bigint` comes as text. */
export type OrderRow = {
  readonly order_id: string;
  readonly version: number;
  readonly state: OrderState;
  readonly offer_id: number;
  readonly member_id: string;
  readonly units: string;
  readonly quantity: number;
  readonly amount_minor: string;
  readonly currency: string;
  readonly attempt: number;
  readonly entry: string;
  readonly idempotency_key: string;
  readonly body_hash: string;
  readonly hold_until: string;
  readonly created_at: string;
  readonly updated_at: string;
};

export function decodeOrderRow(row: OrderRow): OrderRecord {
  return {
    orderId: row.order_id,
    version: row.version,
    state: row.state,
    offerId: row.offer_id,
    memberId: row.member_id,
    units: row.units,
    quantity: row.quantity,
    amountMinor: Number(row.amount_minor),
    currency: row.currency,
    attempt: row.attempt,
    entry: row.entry,
    idempotencyKey: row.idempotency_key,
    bodyHash: row.body_hash,
    holdUntil: Number(row.hold_until),
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  };
}
