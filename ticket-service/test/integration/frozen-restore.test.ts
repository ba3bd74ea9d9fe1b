import { expect, it } from 'vitest';
import { spawnService } from '../../../testing/spawn-service.ts';
import { script } from '../../../testing/tap.ts';
import { until } from '../../../testing/until.ts';
import { bearer } from '../support/http.ts';
import { openSite } from '../support/kill-points.ts';
import { anotherSaga, slowProvider } from '../support/saga.ts';
import { openShop } from '../support/shop.ts';

/** Longer than what was read in Postgres may be put back. */
const tooLateMs = 11_000;

it('a process that froze before it put a sold order back gives no unit back twice', async () => {
  const site = await openSite({ SETTLE_PAYMENTS: 'false' });
  const { shop, redis } = site;
  await site.spawn('workers');
  const token = await shop.join();
  const { body } = await shop.order(token, { offerId: 11, quantity: 2 });
  const orderId = String(body['orderId']);
  expect((await shop.pay(token, orderId)).status).toBe(200);
  await shop.forget(orderId);

  const taps = await site.taps();
  const victim = await site.spawn('ticket-service', taps);
  const reached = taps.redis.freezeAt({ sends: [script('restore_order')], when: 'before' });
  const cancelAtVictim = async () =>
    fetch(`${victim.url}/api/orders/${orderId}/cancel`, { method: 'POST', headers: bearer(token) });
  const answer = cancelAtVictim();
  await reached;
  victim.signal('SIGSTOP');
  const now = async () => Number((await redis.time())[0]) * 1_000;
  const frozenAt = await now();
  // Somebody else cancels it meanwhile, and Redis forgets it again: as it does a minute later.
  expect((await shop.cancel(token, orderId)).body).toMatchObject({ state: 'CANCELLED', version: 4 });
  await shop.forget(orderId);
  expect((await shop.stock(11))['sold']).toBe(0);
  await until(async () => (await now()) - frozenAt > tooLateMs);

  taps.redis.letGo();
  victim.signal('SIGCONT');
  expect([200, 503]).toContain((await answer).status);
  // On the same wire, behind what was held.
  await until(async () => (await cancelAtVictim()).status === 200);
  expect((await shop.cancel(token, orderId)).body).toMatchObject({ state: 'CANCELLED', version: 4 });
  const [key = ''] = await redis.keys('ropeline:{stock:*}:offer:11');
  expect(await redis.hmget(key, 'capacity', 'held', 'sold')).toEqual(['3', '0', '0']);
  const others = await shop.order(await shop.join('testuser2'), { offerId: 11, quantity: 3 });
  expect(others.status).toBe(201);
  expect((await shop.order(token, { offerId: 11, quantity: 1 })).status).toBe(409);
});

it('an order that others cancelled and Redis forgot after it was looked at gives no unit back twice', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false' });
  await spawnService('workers/src/main.ts', 'WORKERS_PORT', {
    DATABASE_URL: shop.running.databaseUrl,
    TICKET_REDIS_URL: shop.running.redisUrl,
  });
  const token = await shop.join();
  const { body } = await shop.order(token, { offerId: 11, quantity: 2 });
  const orderId = String(body['orderId']);
  expect((await shop.pay(token, orderId)).status).toBe(200);
  const { saga, find } = await anotherSaga(shop, slowProvider());
  const order = await find(orderId);
  expect((await shop.cancel(token, orderId)).status).toBe(200);
  await shop.forget(orderId);
  expect(await saga.cancel(order, true)).toMatchObject({
    kind: 'cancelled',
    order: { state: 'CANCELLED', version: 4 },
  });
  await until(async () => (await shop.stock(11))['sold'] === 0);
  expect(await shop.stock(11)).toEqual({ capacity: 3, held: 0, sold: 0, available: 3 });
});
