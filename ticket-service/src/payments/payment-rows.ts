import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { isRefusedForGood } from '@ropeline/core/postgres/sql-state.ts';
import { inTransaction } from '@ropeline/core/postgres/transaction.ts';
import { upsertOrders } from '@ropeline/core/postgres/upsert-orders.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';

export type PaymentState = 'pending' | 'paid' | 'declined' | 'unknown' | 'refund-due' | 'refunded';

export type PaymentRow = {
  /** True when this call wrote it: nobody has asked the provider for this attempt before. */
  readonly fresh: boolean;
  readonly state: PaymentState;
  /** Since the last change. */
  readonly ageMs: number;
};

export type Begun =
  | { readonly kind: 'written'; readonly row: PaymentRow }
  /** Certainly nothing was written. */
  | { readonly kind: 'not-written'; readonly error: unknown }
  /** The commit was not answered. */
  | { readonly kind: 'unknown'; readonly error: unknown };

/** The provider's idempotency key of an attempt. */
export const paymentReference = (orderId: string, attempt: number): string => `${orderId}:${attempt}`;

const selectPayment = `
  select state, (least(extract(epoch from now() - updated_at), 1e6) * 1000)::integer as age_ms
  from payments where order_id = $1 and attempt = $2`;

/** Payments, decided by Postgres: a row stands before the provider is asked, and keeps what it answered. */
export class PaymentRows {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /**
   * Writes the order, PAYING, and its payment in one transaction, unless they are there. Postgres may refuse the
   * order for a moment, until the release of the units that it took arrives through the outbox.
   */
  async begin(order: OrderRecord): Promise<Begun> {
    for (const waitMs of [0, 50, 100, 200, 400, 800]) {
      await delay(waitMs);
      const begun = await this.#tryToBegin(order);
      if (begun.kind !== 'not-written' || !isRefusedForGood(begun.error)) return begun;
      if (waitMs === 800) return begun;
    }
    throw new Error('unreachable');
  }

  /** Notes an outcome; a settled payment is never changed. True when this call changed it. */
  async settle(orderId: string, attempt: number, state: 'paid' | 'declined' | 'unknown'): Promise<boolean> {
    const { rowCount } = await this.#pool.query(
      `update payments set state = $3, updated_at = now()
       where order_id = $1 and attempt = $2 and state in ('pending', 'unknown')`,
      [orderId, attempt, state],
    );
    return rowCount === 1;
  }

  /** Money of an order that will not be delivered; with `attempt`, only what that attempt has charged. */
  async owe(orderId: string, attempt?: number): Promise<void> {
    await this.#pool.query(
      `update payments set state = 'refund-due', updated_at = now()
       where order_id = $1 and attempt = coalesce($2, attempt) and state = 'paid'`,
      [orderId, attempt ?? null],
    );
  }

  async find(orderId: string, attempt: number): Promise<Omit<PaymentRow, 'fresh'> | undefined> {
    const { rows } = await this.#pool.query<{ state: PaymentState; age_ms: number }>(selectPayment, [
      orderId,
      attempt,
    ]);
    const [row] = rows;
    return row === undefined ? undefined : { state: row.state, ageMs: row.age_ms };
  }

  async #tryToBegin(order: OrderRecord): Promise<Begun> {
    const { orderId, attempt, amountMinor, currency } = order;
    let committing = false;
    try {
      const row = await inTransaction(this.#pool, async (client) => {
        await upsertOrders(client, [order]);
        const { rowCount } = await client.query(
          `insert into payments (order_id, attempt, reference, amount_minor, currency)
           values ($1, $2, $3, $4, $5) on conflict do nothing`,
          [orderId, attempt, paymentReference(orderId, attempt), amountMinor, currency],
        );
        const { rows } = await client.query<{ state: PaymentState; age_ms: number }>(selectPayment, [
          orderId,
          attempt,
        ]);
        committing = true;
        const { state, age_ms: ageMs } = rows[0] ?? { state: 'unknown', age_ms: 0 };
        return { fresh: rowCount === 1, state, ageMs };
      });
      return { kind: 'written', row };
    } catch (error) {
      return { kind: committing ? 'unknown' : 'not-written', error };
    }
  }
}
