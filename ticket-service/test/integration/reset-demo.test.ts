import { createLog } from '@ropeline/core/log.ts';
import { expect, it } from 'vitest';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { resetDemo } from '../../src/demo/reset-demo.ts';
import { call } from '../support/http.ts';
import { openShop } from '../support/shop.ts';
import { backlogOf, openStockRedis } from '../support/stock-redis.ts';

it('puts the demo’s stock back while all runs, and leaves the orders of other offers alone', async () => {
  const shop = await openShop({ SOURCE_ROUTES: 'true' }, { sourceSystems: true });
  const workers = {
    TICKET_REDIS_URL: shop.running.redisUrl,
    DATABASE_URL: shop.running.databaseUrl,
    PAYMENT_URL: shop.running.config.paymentUrl,
  };
  await spawnService('workers/src/main.ts', 'WORKERS_PORT', workers);
  const post = (path: string, json?: unknown, headers: Record<string, string> = {}) =>
    call(shop.running, path, { method: 'POST', headers, ...(json === undefined ? {} : { json }) });
  const token = await shop.join();
  const visit = async () => [
    (await post('/ticket/reserve/1', undefined, { 'x-access-token': token })).status,
    (await post('/api/reservations/7', { seatName: 'A1' }, { authorization: token })).status,
    (await post('/books', { roomId: 2, startDate: 20300101, endDate: 20300103 })).status,
    (await post('/coupon/issue', { userId: 1, couponId: 104 })).body['outcome'],
    (await post('/api/stock/reserve', { product_id: 2, quantity: 50 })).status,
    (await post('/rooms', { price: 5 })).body['id'],
  ];
  const fresh = [200, 200, 201, 'issued', 200, 11];
  expect(await visit()).toEqual(fresh);
  expect(await visit()).toEqual([200, 400, 409, 'already', 409, 12]);
  expect((await call(shop.running, '/rooms/3', { method: 'DELETE' })).status).toBe(204);
  const other = await shop.order(token, { offerId: 11, quantity: 2 }, 'other');

  const { databaseUrl, redisUrl } = shop.running;
  const redis = await openStockRedis(redisUrl);
  await until(async () => (await backlogOf(redis)) === 0);
  const log = createLog('test', 'silent');
  const reset = await resetDemo({ databaseUrl, ticketRedisUrl: redisUrl, log });
  expect(reset).toMatchObject({ orders: 5 });

  const isOpen = async () => (await shop.order(token, { offerId: 11, quantity: 2 }, 'other')).status === 200;
  await until(isOpen);
  expect((await shop.order(token, { offerId: 11, quantity: 2 }, 'other')).body).toEqual(other.body);
  await until(async () => (await call(shop.running, '/rooms')).body['length'] === 10);
  expect(await visit()).toEqual(fresh);
  expect((await shop.pay(token, other.body['orderId'])).status).toBe(200);
  await until(async () => {
    const { rows } = await shop.pool.query('select count(*)::int as orders from orders');
    return rows[0].orders === 5;
  });
});
