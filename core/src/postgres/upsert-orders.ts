import type { PoolClient } from 'pg';
import type { OrderRecord } from '../stock/order-record.ts';

/**
 * Writes order snapshots, in any number, order and mixture, as often as one likes: of every order only its highest
 * version counts, and only where Postgres has a lower one. Returns how many rows changed.
 *
 * Must run inside a transaction; when it throws, that transaction (or its savepoint) has to be rolled back.
 * - Offers are locked first, by id, so that two writers never wait for each other in a circle.
 * - Releases go before takes: the unit that one order gives back is free for another of the same batch.
 * - Triggers keep `offers.taken`; a batch that would oversell is refused whole (`offers_never_oversold`).
 */
export async function upsertOrders(client: PoolClient, records: readonly OrderRecord[]): Promise<number> {
  const newest = highestVersions(records);
  if (newest.length === 0) return 0;
  await client.query({
    name: 'lock-offers',
    text: 'select 1 from offers where offer_id = any($1::integer[]) order by offer_id for no key update',
    values: [[...new Set(newest.map((order) => order.offerId))]],
  });
  const releases = newest.filter(isRelease);
  const takes = newest.filter((order) => !isRelease(order));
  return (await upsert(client, releases)) + (await upsert(client, takes));
}

/** True when the order in this state holds no units. */
export function isRelease({ state }: OrderRecord): boolean {
  return state === 'CANCELLED' || state === 'EXPIRED';
}

/** Of every order the snapshot with the highest version. */
export function highestVersions(records: readonly OrderRecord[]): readonly OrderRecord[] {
  const newest = new Map<string, OrderRecord>();
  for (const record of records) {
    const known = newest.get(record.orderId);
    if (known === undefined || known.version < record.version) newest.set(record.orderId, record);
  }
  return [...newest.values()];
}

async function upsert(client: PoolClient, orders: readonly OrderRecord[]): Promise<number> {
  if (orders.length === 0) return 0;
  const values = columns.map(([, , field]) => orders.map((order) => order[field]));
  const { rowCount } = await client.query({ name: 'upsert-orders', text: upsertSql, values });
  return rowCount ?? 0;
}

/** Column, type of the parameter, field of the record. Times arrive as Unix ms. */
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
  ['hold_until', 'ms', 'holdUntil'],
  ['created_at', 'ms', 'createdAt'],
  ['updated_at', 'ms', 'updatedAt'],
] as const satisfies readonly (readonly [string, string, keyof OrderRecord])[];

/** What may differ between two versions of one order. */
const changing = new Set([
  'version',
  'state',
  'units',
  'quantity',
  'amount_minor',
  'attempt',
  'hold_until',
  'updated_at',
]);

const upsertSql = `
  insert into orders as present (${columns.map(([name]) => name).join(', ')})
  select ${columns.map(([name, type]) => (type === 'ms' ? `to_timestamp(${name} / 1000.0)` : name)).join(', ')}
  from unnest(${columns.map(([, type], at) => `$${at + 1}::${type === 'ms' ? 'bigint' : type}[]`).join(', ')})
    as given (${columns.map(([name]) => name).join(', ')})
  on conflict (order_id) do update
  set ${[...changing].map((name) => `${name} = excluded.${name}`).join(', ')}
  where present.version < excluded.version`;
