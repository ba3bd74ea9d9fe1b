import type { PoolClient } from 'pg';
import type { OrderRecord } from '../stock/order-record.ts';
import { eventCatalogue, type OrderData, orderEventType } from './catalogue.ts';

/**
 * Emits an event for each of these versions of orders, in the caller's transaction: the one that writes the order
 * down. Versions that were told before write nothing.
 */
export async function emitOrderEvents(client: PoolClient, orders: readonly OrderRecord[]): Promise<void> {
  if (orders.length === 0) return;
  const types = orders.map(orderEventType);
  await client.query({
    name: 'emit-order-events',
    text: `insert into events (correlation_id, aggregate, version, type, schema_version, occurred_at, data)
      select correlation_id, 'order', version, type, schema_version, to_timestamp(occurred_at / 1000.0), data
      from unnest($1::text[], $2::integer[], $3::text[], $4::integer[], $5::bigint[], $6::jsonb[])
        as given (correlation_id, version, type, schema_version, occurred_at, data)
      on conflict do nothing`,
    values: [
      orders.map(({ orderId }) => orderId),
      orders.map(({ version }) => version),
      types,
      types.map((type) => eventCatalogue[type].schemaVersion),
      orders.map(({ updatedAt }) => updatedAt),
      orders.map((order) => JSON.stringify(dataOf(order))),
    ],
  });
}

function dataOf({ idempotencyKey: _, bodyHash: __, ...data }: OrderRecord): OrderData {
  return data;
}
