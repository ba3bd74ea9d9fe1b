import { expect, it } from 'vitest';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { anotherSaga, slowProvider } from '../support/saga.ts';
import { nobodyThere, openShop } from '../support/shop.ts';

it('takes the failure of one call for no proof when another has asked for the same attempt', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false' });
  const token = await shop.join();
  const { body } = await shop.order(token, { offerId: 11, quantity: 1 });
  const orderId = String(body['orderId']);
  const provider = slowProvider();
  const [first, second] = [await anotherSaga(shop, provider), await anotherSaga(shop, provider)];
  const order = await first.find(orderId);
  const failed = first.saga.pay(order);
  await provider.called(1);
  // The first process was away for so long that the second stepped in with the same attempt.
  await shop.pool.query("update payments set updated_at = now() - interval '1 minute'");
  const late = second.saga.pay(order);
  await provider.called(2);
  await provider.answer(1, 'error');
  expect(await failed).toMatchObject({ kind: 'paying', order: { attempt: 1 } });
  await provider.answer(2, 'paid');
  expect(await late).toMatchObject({ kind: 'completed', order: { attempt: 1 } });
  const { rows } = await shop.pool.query('select attempt, state from payments');
  expect(rows).toEqual([{ attempt: 1, state: 'paid' }]);
});

it('refunds only the attempt that was paid too late, not the one that the order was completed with', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false' });
  const token = await shop.join();
  const { body } = await shop.order(token, { offerId: 11, quantity: 1 });
  const orderId = String(body['orderId']);
  const provider = slowProvider();
  const { saga, find } = await anotherSaga(shop, provider);
  const released = saga.pay(await find(orderId));
  await provider.answer(1, 'error');
  expect(await released).toEqual({ kind: 'unavailable' });
  const paid = saga.pay(await find(orderId));
  await provider.answer(2, 'paid');
  expect(await paid).toMatchObject({ kind: 'completed', order: { attempt: 2 } });
  // The provider did not keep its word: the first attempt was charged after all.
  expect(await saga.conclude(await find(orderId), 1, 'paid')).toMatchObject({
    kind: 'completed',
    order: { attempt: 2 },
  });
  const { rows } = await shop.pool.query('select attempt, state from payments order by attempt');
  expect(rows).toEqual([
    { attempt: 1, state: 'refund-due' },
    { attempt: 2, state: 'paid' },
  ]);
});

it('keeps what was paid for an order that Redis has forgotten when the last answer comes', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false' });
  await spawnService('workers/src/main.ts', 'WORKERS_PORT', {
    DATABASE_URL: shop.running.databaseUrl,
    TICKET_REDIS_URL: shop.running.redisUrl,
    PAYMENT_URL: nobodyThere,
  });
  const token = await shop.join();
  const { body } = await shop.order(token, { offerId: 11, quantity: 1 });
  const orderId = String(body['orderId']);
  const provider = slowProvider();
  const { saga, find } = await anotherSaga(shop, provider);
  const stalled = saga.pay(await find(orderId));
  await provider.called(1);
  // Another process hears of it first; the order is persisted and forgotten before this one goes on.
  const other = await anotherSaga(shop, slowProvider());
  await other.saga.conclude(await other.find(orderId), 1, 'paid');
  await shop.forget(orderId);
  await provider.answer(1, 'paid');
  expect(await stalled).toMatchObject({ kind: 'completed' });
  const { rows } = await shop.pool.query('select state from payments where order_id = $1', [orderId]);
  expect(rows).toEqual([{ state: 'paid' }]);
});

it('owes money back in Postgres itself, though a process dies before it can say so', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false' });
  const token = await shop.join();
  const states = async (orderId: string) =>
    (await shop.pool.query('select state from payments where order_id = $1', [orderId])).rows;
  const order = (change: string, orderId: string) =>
    shop.pool.query(`update orders set ${change}, version = version + 1 where order_id = $1`, [orderId]);
  const payment = (state: string, orderId: string) =>
    shop.pool.query('update payments set state = $2 where order_id = $1', [orderId, state]);
  const paidOrder = async (): Promise<string> => {
    const orderId = String((await shop.order(token, { offerId: 11, quantity: 1 })).body['orderId']);
    expect((await shop.pay(token, orderId)).status).toBe(200);
    return orderId;
  };
  const cancelled = await paidOrder();
  await order(`state = 'CANCELLED'`, cancelled);
  expect(await states(cancelled)).toEqual([{ state: 'refund-due' }]);
  const heardLate = await paidOrder();
  await payment('unknown', heardLate);
  await order(`state = 'CANCELLED'`, heardLate);
  expect(await states(heardLate)).toEqual([{ state: 'unknown' }]);
  await payment('paid', heardLate);
  expect(await states(heardLate)).toEqual([{ state: 'refund-due' }]);
  const completedByAnother = await paidOrder();
  await order(`state = 'COMPLETED', attempt = 2`, completedByAnother);
  expect(await states(completedByAnother)).toEqual([{ state: 'refund-due' }]);
  // Both at once, again and again: neither misses the other.
  for (let round = 0; round < 20; round += 1) {
    await payment('unknown', cancelled);
    await order(`state = 'PAYING'`, cancelled);
    await Promise.all([payment('paid', cancelled), order(`state = 'CANCELLED'`, cancelled)]);
    expect(await states(cancelled)).toEqual([{ state: 'refund-due' }]);
  }
});

it('cancels a completed order that Redis forgets between the look and the cancel', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false' });
  await spawnService('workers/src/main.ts', 'WORKERS_PORT', {
    DATABASE_URL: shop.running.databaseUrl,
    TICKET_REDIS_URL: shop.running.redisUrl,
    PAYMENT_URL: nobodyThere,
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

it('a payment that hangs holds up none of the others that are settled', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false', PAYMENT_TIMEOUT_MS: '300' });
  const token = await shop.join();
  await shop.behave({ hangShare: 1 });
  const orderIds = await Promise.all(
    [1, 2, 3].map(async () =>
      String((await shop.order(token, { offerId: 11, quantity: 1 })).body['orderId']),
    ),
  );
  const paid = await Promise.all(orderIds.map((orderId) => shop.pay(token, orderId)));
  expect(paid.map(({ status }) => status)).toEqual([202, 202, 202]);
  await shop.pool.query(`update payments set updated_at = now() - interval '1 minute'`);
  const provider = slowProvider();
  const { settle, find } = await anotherSaga(shop, provider);
  const settler = settle();
  // None is answered before all are asked for.
  await provider.called(3);
  for (const call of [2, 3, 1]) await provider.answer(call, 'paid');
  await until(async () => {
    const orders = await Promise.all(orderIds.map(find));
    return orders.every(({ state }) => state === 'COMPLETED');
  });
  await settler.stop();
});
