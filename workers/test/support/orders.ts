import { randomBytes } from 'node:crypto';
import { createLog } from '@ropeline/core/log.ts';
import { connectPostgres, type Pool } from '@ropeline/core/postgres/connect.ts';
import { newOrderId } from '@ropeline/core/stock/order-id.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';
import { migratedDatabase } from '../../../testing/migrated-database.ts';
import { cleanedUp } from '../../../testing/scope.ts';

export const silentLog = createLog('test', 'silent');

/** A reserved order of one unit; everything can be set. */
export function anOrder(overrides: Partial<OrderRecord> = {}): OrderRecord {
  const now = Date.now();
  return {
    orderId: newOrderId(0),
    version: 1,
    state: 'RESERVED',
    offerId: 1,
    memberId: `member${randomBytes(4).toString('hex')}`,
    units: '1',
    quantity: 1,
    amountMinor: 50_000,
    currency: 'KRW',
    attempt: 0,
    entry: '',
    idempotencyKey: randomBytes(8).toString('hex'),
    bodyHash: 'hash',
    holdUntil: now + 300_000,
    createdAt: now,
    updatedAt: now,
    ...overrides,
  };
}

/** The next version of an order. */
export const moved = (
  order: OrderRecord,
  state: OrderRecord['state'],
  overrides: Partial<OrderRecord> = {},
): OrderRecord => ({
  ...order,
  state,
  version: order.version + 1,
  updatedAt: order.updatedAt + 1,
  ...overrides,
});

/** A pool on a database of its own, with offers 1.. of the given capacities. */
export async function shop(...capacities: readonly number[]): Promise<Pool> {
  const pool = cleanedUp(connectPostgres(await migratedDatabase(), { name: 'test', log: silentLog }), (it) =>
    it.end(),
  );
  await addOffers(pool, ...capacities);
  return pool;
}

export async function addOffers(pool: Pool, ...capacities: readonly number[]): Promise<void> {
  for (const [at, capacity] of capacities.entries()) {
    await pool.query(
      `insert into offers (offer_id, kind, title, capacity, price_minor, currency)
       values ($1, 'pool', 'test', $2, 50000, 'KRW')`,
      [at + 1, capacity],
    );
  }
}

export async function takenOf(pool: Pool, offerId = 1): Promise<number> {
  const { rows } = await pool.query<{ taken: number }>('select taken from offers where offer_id = $1', [
    offerId,
  ]);
  return rows[0]?.taken ?? Number.NaN;
}

export async function storedOrders(
  pool: Pool,
): Promise<readonly { readonly orderId: string; readonly version: number; readonly state: string }[]> {
  const { rows } = await pool.query(
    'select order_id as "orderId", version, state from orders order by created_at, order_id',
  );
  return rows;
}
