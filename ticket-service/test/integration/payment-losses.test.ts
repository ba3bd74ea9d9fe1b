import { createLog } from '@ropeline/core/log.ts';
import { connectRedis, type Redis, untilReady } from '@ropeline/core/redis/connect.ts';
import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { anotherSaga, slowProvider } from '../support/saga.ts';
import { openShop, type Shop } from '../support/shop.ts';

async function stockRedis({ running }: Shop): Promise<Redis> {
  const redis = connectRedis(running.redisUrl, { name: 'test', log: createLog('test', 'silent') });
  await untilReady(redis);
  return cleanedUp(redis, (it) => it.disconnect());
}

async function reserved(shop: Shop, token: string, quantity: number): Promise<string> {
  return String((await shop.order(token, { offerId: 11, quantity })).body['orderId']);
}

it('takes no money for an order whose stock was emptied and built anew before its payment was written', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false' });
  const redis = await stockRedis(shop);
  const token = await shop.join();
  // No workers run: neither order reaches Postgres, and the loss makes both void.
  const [orderId, other] = [await reserved(shop, token, 2), await reserved(shop, token, 1)];
  const provider = slowProvider();
  const { saga, find } = await anotherSaga(shop, provider, {
    async beforePayment() {
      await redis.flushall();
      // The payer's own process takes up the stock as it was built anew, too.
      await until(async () => (await saga.cancel(lost, true)).kind === 'hold-lost');
    },
  });
  const lost = await find(other);
  expect(await saga.pay(await find(orderId))).toEqual({ kind: 'hold-lost' });
  const { rows } = await shop.pool.query(
    'select (select count(*) from orders) + (select count(*) from payments) as rows',
  );
  expect(rows).toEqual([{ rows: '0' }]);
  const next = await shop.join('testuser2');
  await until(async () => (await shop.order(next, { offerId: 11, quantity: 3 }, 'all')).status < 300);
});

it('an order that was cancelled after it was paid stays so though Redis and its outbox are lost: money or units', async () => {
  const shop = await openShop();
  const redis = await stockRedis(shop);
  const token = await shop.join();
  const orderId = await reserved(shop, token, 2);
  expect((await shop.pay(token, orderId)).status).toBe(200);
  expect((await shop.cancel(token, orderId)).status).toBe(200);
  // No workers run: to Postgres the order is still PAYING, and its money is due.
  const inPostgres = async () =>
    (
      await shop.pool.query(
        'select orders.state as order, payments.state from orders join payments using (order_id)',
      )
    ).rows;
  expect(await inPostgres()).toEqual([{ order: 'PAYING', state: 'refund-due' }]);

  await redis.flushall();
  await until(async () => (await shop.get(token, `/api/orders/${orderId}`)).body['state'] === 'CANCELLED');
  // 503 until this service has taken up the stock that was built anew.
  const paidAgain = await until(async () => {
    const answer = await shop.pay(token, orderId);
    return answer.status === 503 ? undefined : answer;
  });
  expect(paidAgain).toMatchObject({ status: 409, body: { code: 'wrong-state' } });
  await spawnService('workers/src/main.ts', 'WORKERS_PORT', {
    TICKET_REDIS_URL: shop.running.redisUrl,
    DATABASE_URL: shop.running.databaseUrl,
    PAYMENT_URL: shop.running.config.paymentUrl,
  });
  await until(async () => (await inPostgres())[0]?.state === 'refunded');
  expect(await shop.charges()).toMatchObject({ paid: 0, refunded: 1 });
  await until(async () => (await shop.stock(11))['available'] === 3);
  const next = await shop.join('testuser2');
  await until(async () => (await shop.order(next, { offerId: 11, quantity: 3 }, 'all')).status < 300);
});

it('gives no units for money that went back, whoever asks for the payment again', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false' });
  const token = await shop.join();
  const orderId = await reserved(shop, token, 2);
  await shop.behave({ hangShare: 1 });
  expect((await shop.pay(token, orderId)).status).toBe(202);
  // As an older file under Redis leaves it: PAYING again, though it was paid, cancelled and refunded.
  await shop.pool.query(`update payments set state = 'paid' where order_id = $1`, [orderId]);
  await shop.pool.query(`update payments set state = 'refund-due' where order_id = $1`, [orderId]);
  expect(await shop.pay(token, orderId)).toMatchObject({ status: 409, body: { code: 'wrong-state' } });
  expect((await shop.get(token, `/api/orders/${orderId}`)).body['state']).toBe('CANCELLED');
  await until(async () => (await shop.stock(11))['available'] === 3);
  expect(await shop.stock(11)).toEqual({ capacity: 3, held: 0, sold: 0, available: 3 });
});
