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
      from rows from (unnest($1::text[], $2::integer[], $3::text[], $4::integer[], $5::bigint[]),
          jsonb_array_elements($6::jsonb))
        as given (correlation_id, version, type, schema_version, occurred_at, data)
      on conflict do nothing`,
    values: [
      orders.map(({ orderId }) => orderId),
      orders.map(({ version }) => version),
      types,
      types.map((type) => eventCatalogue[type].schemaVersion),
      orders.map(({ updatedAt }) => updatedAt),
      // One document: as an array of documents each would be quoted here and unquoted there.
      JSON.stringify(orders.map(dataOf)),
    ],
  });
  await emitCouponEvents(
    client,
    orders.filter(({ state, version }) => state === 'COMPLETED' && version === 1),
  );
}

/** What is complete at once may be a coupon: that its member has it is an event beside the order's. */
async function emitCouponEvents(client: PoolClient, orders: readonly OrderRecord[]): Promise<void> {
  if (orders.length === 0) return;
  await client.query({
    name: 'emit-coupon-events',
    text: `insert into events (correlation_id, aggregate, version, type, schema_version, occurred_at, data)
      select order_id, 'coupon', 1, 'coupon.issued', 1, to_timestamp(occurred_at / 1000.0),
        jsonb_build_object('couponId', offer_id, 'memberId', member_id, 'orderId', order_id)
      from unnest($1::text[], $2::integer[], $3::text[], $4::bigint[])
        as given (order_id, offer_id, member_id, occurred_at)
      join coupons using (offer_id)
      on conflict do nothing`,
    values: [
      orders.map(({ orderId }) => orderId),
      orders.map(({ offerId }) => offerId),
      orders.map(({ memberId }) => memberId),
      orders.map(({ updatedAt }) => updatedAt),
    ],
  });
}

function dataOf({ idempotencyKey: _, bodyHash: __, ...data }: OrderRecord): OrderData {
  return data;
}
