import type { Pool } from '@ropeline/core/postgres/connect.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';

/** The columns and indexes of `orders`, nothing that counts or checks across rows. */
export async function createBareTable(pool: Pool): Promise<void> {
  await pool.query(
    'create table bare_orders (like orders including defaults including constraints including indexes)',
  );
  await pool.query('alter table bare_orders drop column taken, drop column named');
}

const columns = [
  ['order_id', 'uuid', 'orderId'],
  ['version', 'integer', 'version'],
  ['state', 'text', 'state'],
  ['offer_id', 'integer', 'offerId'],
  ['member_id', 'text', 'memberId'],
  ['units', 'text', 'units'],
  ['quantity', 'integer', 'quantity'],
  ['amount_minor', 'bigint', 'amountMinor'],
  ['currency', 'text', 'currency'],
  ['attempt', 'integer', 'attempt'],
  ['entry', 'text', 'entry'],
  ['idempotency_key', 'text', 'idempotencyKey'],
  ['body_hash', 'text', 'bodyHash'],
  ['hold_until', 'timestamptz', 'holdUntil'],
  ['created_at', 'timestamptz', 'createdAt'],
  ['updated_at', 'timestamptz', 'updatedAt'],
] as const satisfies readonly (readonly [string, string, keyof OrderRecord])[];

const text = `insert into bare_orders (${columns.map(([name]) => name).join(', ')})
  select * from unnest(${columns.map(([, type], at) => `$${at + 1}::${type}[]`).join(', ')})
  on conflict do nothing`;

/** Inserts the orders in batches, each its own transaction, on some connections at once; orders a second. */
export async function bareUnnest(
  pool: Pool,
  orders: readonly OrderRecord[],
  batch: number,
  connections: number,
): Promise<number> {
  const batches: unknown[][] = [];
  for (let at = 0; at < orders.length; at += batch) {
    const some = orders.slice(at, at + batch);
    batches.push(
      columns.map(([, type, field]) =>
        some.map((order) => (type === 'timestamptz' ? new Date(order[field]).toISOString() : order[field])),
      ),
    );
  }
  const began = performance.now();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      for (let values = batches.pop(); values !== undefined; values = batches.pop()) {
        await pool.query({ name: 'bare-unnest', text, values });
      }
    }),
  );
  return orders.length / ((performance.now() - began) / 1_000);
}
