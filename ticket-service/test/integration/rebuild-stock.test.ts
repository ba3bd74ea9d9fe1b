import type { Redis } from '@ropeline/core/redis/connect.ts';
import { expect, it } from 'vitest';
import { type SpawnedService, spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { openShop, type Shop } from '../support/shop.ts';
import { backlogOf, openStockRedis } from '../support/stock-redis.ts';

const insertHall = `
  with offer as (
    insert into offers (offer_id, kind, title, capacity, price_minor, currency, rooms)
    values (21, 'seats', 'a hall', 3, 0, 'KRW', '{demo}') returning offer_id
  ), pool as (
    insert into offers (offer_id, kind, title, capacity, price_minor, currency, rooms, shards)
    values (22, 'pool', 'a sharded pool', 9, 100, 'KRW', '{demo}', 3)
  )
  insert into seats (offer_id, seat, section, price_minor, at)
  select 21, 'A' || n, 'stalls', 100, n from generate_series(1, 3) n`;

type Running = {
  readonly shop: Shop;
  readonly redis: Redis;
  readonly workers: SpawnedService;
  readonly persisted: () => Promise<unknown>;
};

async function openWithWorkers(): Promise<Running> {
  const shop = await openShop({ HOLD_SECONDS: '3600', PAYMENT_TIMEOUT_MS: '2000' });
  await shop.pool.query(insertHall);
  await until(async () => 'available' in (await shop.stock(21)) && 'available' in (await shop.stock(22)));
  const workers = await spawnService('workers/src/main.ts', 'WORKERS_PORT', {
    TICKET_REDIS_URL: shop.running.redisUrl,
    DATABASE_URL: shop.running.databaseUrl,
  });
  const redis = await openStockRedis(shop.running.redisUrl);
  const persisted = () => until(async () => (await backlogOf(redis)) === 0);
  return { shop, redis, workers, persisted };
}

it('an emptied Redis is built anew: nothing paid is lost, nothing is sold twice, and sales go on', async () => {
  const { shop, redis, persisted } = await openWithWorkers();
  const [one, two] = [await shop.join('testuser1'), await shop.join('testuser2')];
  const paid = await shop.order(one, { offerId: 11, quantity: 1 }, 'paid');
  await shop.pay(one, paid.body['orderId']);
  const held = await shop.order(one, { offerId: 11, quantity: 1 }, 'held');
  const seat = await shop.order(two, { offerId: 21, seats: ['A1'] });
  const sold = await shop.order(two, { offerId: 21, seats: ['A2'] });
  await shop.pay(two, sold.body['orderId']);
  const spread = await shop.order(two, { offerId: 22, quantity: 8 });
  const gone = await shop.order(one, { offerId: 12, quantity: 2 });
  await shop.pay(one, gone.body['orderId']);
  await shop.cancel(one, gone.body['orderId']);
  await persisted();

  await redis.flushall();
  await until(async () => (await shop.order(one, { offerId: 11, quantity: 1 }, 'held')).status === 200);

  expect((await shop.order(one, { offerId: 11, quantity: 1 }, 'held')).body).toEqual(held.body);
  expect(await shop.order(two, { offerId: 11, quantity: 2 })).toMatchObject({
    status: 409,
    body: { available: 1 },
  });
  expect((await shop.order(one, { offerId: 21, seats: ['A1'] })).body).toMatchObject({ code: 'taken' });
  expect((await shop.order(one, { offerId: 21, seats: ['A2'] })).body).toMatchObject({ code: 'taken' });
  expect(await shop.order(one, { offerId: 22, quantity: 2 })).toMatchObject({
    status: 409,
    body: { available: 1 },
  });
  expect((await shop.order(one, { offerId: 22, quantity: 1 })).status).toBe(201);
  // The limit of two each counts what was cancelled as nothing.
  expect((await shop.order(one, { offerId: 12, quantity: 2 })).status).toBe(201);
  for (const order of [held, spread]) {
    const member = order === held ? one : two;
    expect((await shop.pay(member, order.body['orderId'])).status).toBe(200);
  }
  expect((await shop.cancel(two, seat.body['orderId'])).status).toBe(200);
  expect((await shop.cancel(two, sold.body['orderId'])).status).toBe(200);
  expect((await shop.order(one, { offerId: 21, seats: ['A1', 'A2'] })).status).toBe(201);
  await persisted();
  const { rows } = await shop.pool.query('select count(*)::int as letters from dead_letters');
  expect(rows).toEqual([{ letters: 0 }]);
});

it('a payment under way when Redis was lost is settled', async () => {
  const { shop, redis, persisted } = await openWithWorkers();
  const token = await shop.join();
  await shop.behave({ hangShare: 1 });
  const { body } = await shop.order(token, { offerId: 11, quantity: 2 });
  expect((await shop.pay(token, body['orderId'])).status).toBe(202);
  await persisted();
  await redis.flushall();
  await shop.behave({ hangShare: 0 });
  await shop.pool.query(`update payments set updated_at = updated_at - interval '1 minute'`);
  await until(async () => {
    const { body: now } = await shop.get(token, `/api/orders/${body['orderId']}`);
    return now['state'] === 'COMPLETED';
  });
  await expect.poll(() => shop.stock(11)).toEqual({ capacity: 3, held: 0, sold: 2, available: 1 });
  expect(await shop.charges()).toMatchObject({ paid: 1, refunded: 0 });
});

it('an order that had not reached Postgres is void, says so, and its units are sold again', async () => {
  const { shop, redis, workers } = await openWithWorkers();
  const [one, two] = [await shop.join('testuser1'), await shop.join('testuser2')];
  await workers.kill();
  const lost = await shop.order(one, { offerId: 11, quantity: 3 }, 'lost');
  await redis.flushall();
  const isOpen = async () => (await shop.order(two, { offerId: 12, quantity: 1 }, 'other')).status < 500;
  await until(isOpen);

  for (const answer of [
    await shop.get(one, `/api/orders/${lost.body['orderId']}`),
    await shop.pay(one, lost.body['orderId']),
    await shop.cancel(one, lost.body['orderId']),
  ]) {
    expect(answer).toMatchObject({ status: 410, body: { code: 'hold-lost' } });
  }
  expect((await shop.order(two, { offerId: 11, quantity: 3 })).status).toBe(201);
  expect((await shop.get(one, '/api/orders')).body).toEqual({ orders: [] });
});

it('an older file under Redis is noticed and built over', async () => {
  const { shop, redis, persisted } = await openWithWorkers();
  const token = await shop.join();
  const before = await redis.dump('ropeline:{stock:0}:epoch');
  expect(before).not.toBeNull();
  const { body } = await shop.order(token, { offerId: 11, quantity: 3 });
  await shop.pay(token, body['orderId']);
  await persisted();
  // The epoch of before, and nothing of what was sold since.
  const epoch = String(await redis.get('ropeline:{stock:0}:epoch'));
  await redis.flushall();
  for (let at = 0; at < 4; at += 1) await redis.set(`ropeline:{stock:${at}}:epoch`, epoch);
  await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await until(async () => {
    const answer = await shop.order(token, { offerId: 11, quantity: 1 });
    return answer.body['code'] === 'sold-out';
  });
});
