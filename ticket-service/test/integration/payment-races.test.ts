import { expect, it } from 'vitest';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { anotherSaga, slowProvider } from '../support/saga.ts';
import { openShop } from '../support/shop.ts';

it('refunds only the attempt that was paid too late, not the one that the order was completed with', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false' });
  const token = await shop.join();
  const { body } = await shop.order(token, { offerId: 11, quantity: 1 });
  const orderId = String(body['orderId']);
  const provider = slowProvider();
  const [first, second] = [await anotherSaga(shop, provider), await anotherSaga(shop, provider)];
  const order = await first.find(orderId);
  const released = first.saga.pay(order);
  await provider.called(1);
  // The first process was away for so long that the second stepped in with the same attempt.
  await shop.pool.query("update payments set updated_at = now() - interval '1 minute'");
  const late = second.saga.pay(order);
  await provider.called(2);
  await provider.answer(1, 'error');
  expect(await released).toEqual({ kind: 'unavailable' });
  const paid = first.saga.pay(order);
  await provider.answer(3, 'paid');
  expect(await paid).toMatchObject({ kind: 'completed', order: { attempt: 2 } });
  await provider.answer(2, 'paid');
  expect(await late).toMatchObject({ kind: 'completed', order: { attempt: 2 } });
  const { rows } = await shop.pool.query('select attempt, state from payments order by attempt');
  expect(rows).toEqual([
    { attempt: 1, state: 'refund-due' },
    { attempt: 2, state: 'paid' },
  ]);
});

it('cancels a completed order that Redis forgets between the look and the cancel', async () => {
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
  await shop.forget(orderId);
  expect(await saga.cancel(order, true)).toMatchObject({ kind: 'cancelled', order: { state: 'CANCELLED' } });
  await until(async () => (await shop.stock(11))['sold'] === 0);
  const { rows } = await shop.pool.query('select state from payments where order_id = $1', [orderId]);
  expect(rows).toEqual([{ state: 'refund-due' }]);
});

it('answers no older state than the one it has just moved an order to', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false' });
  const token = await shop.join();
  const { body } = await shop.order(token, { offerId: 11, quantity: 2 });
  const orderId = String(body['orderId']);
  // No workers run here: Postgres stays at PAYING.
  expect((await shop.pay(token, orderId)).body).toMatchObject({ state: 'COMPLETED', version: 3 });
  const order = await (await anotherSaga(shop, slowProvider())).find(orderId);
  const { saga } = await anotherSaga(shop, slowProvider(), { blind: true });
  await expect(saga.cancel(order, true)).rejects.toThrow();
  expect((await shop.cancel(token, orderId)).body).toMatchObject({ state: 'CANCELLED', version: 4 });
  const { rows } = await shop.pool.query('select state from payments where order_id = $1', [orderId]);
  expect(rows).toEqual([{ state: 'refund-due' }]);
});
