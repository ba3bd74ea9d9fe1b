import {
  type EventType,
  eventSchema,
  eventTypes,
  type RopelineEvent,
} from '@ropeline/core/events/catalogue.ts';
import { consumeEvents } from '@ropeline/core/events/consume-events.ts';
import { Value } from 'typebox/value';
import { expect, it } from 'vitest';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { bearer, call } from '../support/http.ts';
import { openShop, type Shop } from '../support/shop.ts';
import { openStockRedis, runOut } from '../support/stock-redis.ts';

async function withWorkers(): Promise<Shop> {
  const shop = await openShop();
  const { redisUrl, databaseUrl, config } = shop.running;
  for (const _ of [1, 2]) {
    await spawnService('workers/src/main.ts', 'WORKERS_PORT', {
      ...{ TICKET_REDIS_URL: redisUrl, DATABASE_URL: databaseUrl, PAYMENT_URL: config.paymentUrl },
    });
  }
  return shop;
}

/** Everything that was emitted up to now, by a consumer of its own. */
async function emitted(shop: Shop): Promise<readonly RopelineEvent[]> {
  const events: RopelineEvent[] = [];
  const apply = async (_: unknown, batch: readonly RopelineEvent[]) => void events.push(...batch);
  await shop.pool.query(`delete from event_cursors where consumer = 'test'`);
  while ((await consumeEvents(shop.pool, { name: 'test', apply })) > 0);
  return events;
}

const storyOf = (events: readonly RopelineEvent[], orderId: unknown): readonly EventType[] =>
  events.filter(({ correlationId }) => correlationId === orderId).map(({ type }) => type);

it('every change emits an event that its published schema accepts, and every event of the catalogue is emitted', async () => {
  const shop = await withWorkers();
  const token = await shop.join();
  const reserve = async () => String((await shop.order(token, { offerId: 12, quantity: 1 })).body['orderId']);

  const sold = await reserve();
  expect((await shop.pay(token, sold)).status).toBe(200);
  expect((await shop.cancel(token, sold)).status).toBe(200);
  const declined = await reserve();
  await shop.behave({ declineShare: 1 });
  expect((await shop.pay(token, declined)).status).toBe(402);
  const retried = await reserve();
  await shop.behave({ declineShare: 0, errorShare: 1 });
  expect((await shop.pay(token, retried)).status).toBe(503);
  await shop.behave({ errorShare: 0, hangShare: 1 });
  expect((await shop.pay(token, retried)).status).toBe(202);
  const expired = await reserve();
  await runOut(await openStockRedis(shop.running.redisUrl), expired);
  const host = bearer(await shop.join('host1'));
  const made = await call(shop.running, '/api/offers', {
    headers: host,
    json: { kind: 'pool', title: 'A deal', capacity: 3, priceMinor: 5, currency: 'KRW', rooms: ['demo'] },
  });
  const offer = `/api/offers/${String(made.body['id'])}`;
  await call(shop.running, offer, {
    method: 'PATCH',
    headers: host,
    json: { title: 'The deal', capacity: 4 },
  });
  await call(shop.running, offer, { method: 'DELETE', headers: host });

  await shop.pool.query(`
    insert into offers (offer_id, kind, title, capacity, price_minor, currency, rooms)
      values (31, 'pool', 'A coupon', 3, 0, 'KRW', '{demo}');
    insert into coupons (offer_id) values (31)`);
  await until(
    async () =>
      (await call(shop.running, '/api/coupons/31/issue', { method: 'POST', headers: bearer(token) }))
        .status === 202,
  );

  const inOrder = (types: readonly EventType[], of: string) => types.filter((type) => type.startsWith(of));
  // Every story comes by a way of its own, and ends when it ends.
  const events = await until(async () => {
    const all = await emitted(shop);
    expect([...new Set(all.map(({ type }) => type))].sort()).toEqual([...eventTypes].sort());
    expect(inOrder(storyOf(all, sold), 'order')).toEqual([
      ...['order.reserved', 'order.paying', 'order.completed', 'order.cancelled'],
    ]);
    expect(storyOf(all, sold).filter((type) => !type.startsWith('order'))).toEqual([
      ...['payment.begun', 'payment.paid', 'refund.due', 'refund.made'],
    ]);
    expect(inOrder(storyOf(all, retried), 'order')).toEqual([
      ...['order.reserved', 'order.paying', 'order.released', 'order.paying'],
    ]);
    expect(storyOf(all, expired)).toEqual(['order.reserved', 'order.expired']);
    expect([...storyOf(all, `offer:${String(made.body['id'])}`)].sort()).toEqual([
      ...['offer.changed', 'offer.created', 'offer.withdrawn', 'stock.changed', 'stock.changed'],
    ]);
    return all;
  }, 30_000);
  for (const event of events) {
    const schema = eventSchema(event.type);
    expect([...Value.Errors(schema, event)], JSON.stringify(event)).toEqual([]);
    const described = Object.keys((schema.properties['data'] as { properties: object }).properties);
    expect(described, event.type).toEqual(expect.arrayContaining(Object.keys(event.data)));
  }
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
}, 60_000);

it('versions of an order and of its payment go up by one, without a gap, whatever a chunk collapses', async () => {
  const shop = await withWorkers();
  const token = await shop.join();
  await Promise.all(
    Array.from({ length: 30 }, async () => {
      const { body } = await shop.order(token, { offerId: 1, quantity: 1 });
      await shop.pay(token, body['orderId']);
      await shop.cancel(token, body['orderId']);
    }),
  );
  // Orders and payments come by ways of their own: a refund may be made before the cancel behind it has its row.
  const events = await until(async () => {
    const all = await emitted(shop);
    const count = (end: EventType) => all.filter(({ type }) => type === end).length;
    return count('order.cancelled') === 30 && count('refund.made') === 30 && all;
  }, 30_000);
  const aggregates = Map.groupBy(
    events.filter(({ aggregate }) => aggregate !== 'stock' && aggregate !== 'offer'),
    ({ correlationId, aggregate }) => `${correlationId} ${aggregate}`,
  );
  expect(aggregates.size).toBe(60);
  for (const [name, versions] of aggregates)
    expect(versions.map(({ version }) => version).sort(), name).toEqual([1, 2, 3, 4]);
}, 60_000);
