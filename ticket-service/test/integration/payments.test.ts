import { once } from 'node:events';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';
import pg from 'pg';
import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { OrderRows } from '../../src/orders/order-rows.ts';
import { PaymentRows } from '../../src/payments/payment-rows.ts';
import { openShop, type Shop } from '../support/shop.ts';

/** The epoch that the shop's orders come from. */
async function lifeOf(shop: Shop): Promise<string> {
  const { rows } = await shop.pool.query<{ epoch: string }>('select epoch from stock_life');
  return rows[0]?.epoch ?? '';
}

const codeOf = ({ status, body }: { status: number; body: Record<string, unknown> }) => [
  status,
  body['code'],
];

async function reserved(shop: Shop, token: string, quantity = 1): Promise<string> {
  const { body } = await shop.order(token, { offerId: 11, quantity });
  return String(body['orderId']);
}

async function payments(shop: Shop, orderId: string): Promise<readonly (readonly [number, string])[]> {
  const { rows } = await shop.pool.query<{ attempt: number; state: string }>(
    'select attempt, state from payments where order_id = $1 order by attempt',
    [orderId],
  );
  return rows.map(({ attempt, state }) => [attempt, state] as const);
}

it('charges an order once, however often and however much at once it is paid', async () => {
  const shop = await openShop();
  const token = await shop.join();
  const orderId = await reserved(shop, token, 2);
  const answers = await Promise.all(Array.from({ length: 10 }, () => shop.pay(token, orderId)));
  expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
  expect(await shop.pay(token, orderId)).toMatchObject({ status: 200, body: { state: 'COMPLETED' } });
  expect(await shop.charges()).toMatchObject({ paid: 1, keptMinor: { KRW: 3_000 } });
  expect(await payments(shop, orderId)).toEqual([[1, 'paid']]);
  expect(codeOf(await shop.cancel(token, orderId))).toEqual([200, undefined]);
  expect(await payments(shop, orderId)).toEqual([[1, 'refund-due']]);
  expect(codeOf(await shop.pay(token, orderId))).toEqual([409, 'wrong-state']);
});

it('cancels a declined order and gives its units back', async () => {
  const shop = await openShop();
  await shop.behave({ declineShare: 1 });
  const token = await shop.join();
  const orderId = await reserved(shop, token, 3);
  expect(codeOf(await shop.pay(token, orderId))).toEqual([402, 'payment-declined']);
  expect(codeOf(await shop.pay(token, orderId))).toEqual([402, 'payment-declined']);
  expect((await shop.get(token, `/api/orders/${orderId}`)).body).toMatchObject({ state: 'CANCELLED' });
  expect(await payments(shop, orderId)).toEqual([[1, 'declined']]);
  await until(async () => (await shop.order(token, { offerId: 11, quantity: 3 })).status === 201);
});

it('keeps the hold when the provider certainly charged nothing, and pays with the next attempt', async () => {
  const shop = await openShop();
  await shop.behave({ errorShare: 1 });
  const token = await shop.join();
  const orderId = await reserved(shop, token);
  const refused = await shop.pay(token, orderId);
  expect(codeOf(refused)).toEqual([503, 'payment-unavailable']);
  expect(refused.headers.get('retry-after')).not.toBeNull();
  expect((await shop.get(token, `/api/orders/${orderId}`)).body).toMatchObject({
    state: 'RESERVED',
    version: 3,
  });
  await shop.behave({ errorShare: 0 });
  expect(await shop.pay(token, orderId)).toMatchObject({ status: 200, body: { state: 'COMPLETED' } });
  const { rows } = await shop.pool.query(
    'select attempt from payments where order_id = $1 order by attempt',
    [orderId],
  );
  expect(rows).toEqual([{ attempt: 1 }, { attempt: 2 }]);
  expect(await shop.charges()).toMatchObject({ paid: 1 });
});

it('keeps the hold when the provider is not there at all', async () => {
  const shop = await openShop({ PAYMENT_URL: 'http://127.0.0.1:1' });
  const token = await shop.join();
  const orderId = await reserved(shop, token);
  expect(codeOf(await shop.pay(token, orderId))).toEqual([503, 'payment-unavailable']);
  expect((await shop.get(token, `/api/orders/${orderId}`)).body).toMatchObject({ state: 'RESERVED' });
});

it('says 202 while nobody knows, lets nobody cancel, and settles it with the same attempt', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false', PAYMENT_TIMEOUT_MS: '1000' });
  await shop.behave({ hangShare: 1 });
  const token = await shop.join();
  const orderId = await reserved(shop, token);
  const unknown = await shop.pay(token, orderId);
  expect(unknown).toMatchObject({ status: 202, body: { state: 'PAYING' } });
  expect(await payments(shop, orderId)).toEqual([[1, 'unknown']]);
  expect(codeOf(await shop.cancel(token, orderId))).toEqual([409, 'wrong-state']);
  await shop.behave({ hangShare: 0 });
  expect(await shop.payInTheEnd(token, orderId)).toMatchObject({ status: 200, body: { state: 'COMPLETED' } });
  expect(await shop.charges()).toMatchObject({ paid: 1 });
  expect(await payments(shop, orderId)).toEqual([[1, 'paid']]);
});

it('does not let anybody pay for a hold that ran out', async () => {
  const shop = await openShop({ HOLD_SECONDS: '1' });
  const token = await shop.join();
  const { body } = await shop.order(token, { offerId: 11, quantity: 1 });
  await until(() => Date.now() > Number(body['holdUntil']) + 50);
  expect(codeOf(await shop.pay(token, body['orderId']))).toEqual([410, 'hold-expired']);
  expect(await shop.charges()).toMatchObject({ paid: 0 });
});

it('waits until Postgres has heard of the release of the units, instead of failing the payment', async () => {
  const shop = await openShop();
  const token = await shop.join();
  const first = await reserved(shop, token, 3);
  await shop.pay(token, first);
  await shop.cancel(token, first);
  // No workers run here: to Postgres the first order still has the units that the second has taken.
  const { body } = await shop.order(token, { offerId: 11, quantity: 3 });
  const rows = new OrderRows(shop.pool);
  const paid = await rows.read(first);
  if (paid === undefined) throw new Error('the first order is not in Postgres');
  const second: OrderRecord = { ...paid, orderId: String(body['orderId']), version: 2, state: 'PAYING' };
  const pool = cleanedUp(new pg.Pool({ connectionString: shop.running.databaseUrl, max: 1 }), (it) =>
    it.end(),
  );
  const refused = once(pool, 'release');
  const begun = new PaymentRows(pool).begin({ ...second, idempotencyKey: 'k2' }, await lifeOf(shop));
  await refused;
  // It cannot try again while we have the only connection.
  const held = await pool.connect();
  expect(await rows.read(second.orderId)).toBeUndefined();
  await shop.pool.query("update orders set state = 'CANCELLED', version = 4 where order_id = $1", [first]);
  held.release();
  expect(await begun).toMatchObject({ kind: 'written', row: { fresh: true, state: 'pending' } });
});

it('settles by itself what nobody asks for any more, with the same attempt', async () => {
  const shop = await openShop({ PAYMENT_TIMEOUT_MS: '1000' });
  await shop.behave({ hangShare: 1 });
  const token = await shop.join();
  const orderIds = await Promise.all([1, 2, 3].map(() => reserved(shop, token)));
  await Promise.all(orderIds.map((orderId) => shop.pay(token, orderId)));
  await shop.behave({ hangShare: 0 });
  await shop.pool.query(`update payments set updated_at = updated_at - interval '1 minute'`);
  await until(async () => {
    const orders = await Promise.all(orderIds.map((id) => shop.get(token, `/api/orders/${id}`)));
    return orders.every(({ body }) => body['state'] === 'COMPLETED');
  });
  expect(await shop.charges()).toMatchObject({ paid: 3 });
  for (const orderId of orderIds) expect(await payments(shop, orderId)).toEqual([[1, 'paid']]);
});

it('owes back the money of an order that was over before its payment was known', async () => {
  const shop = await openShop();
  const token = await shop.join();
  const orderId = await reserved(shop, token);
  await shop.pay(token, orderId);
  await shop.cancel(token, orderId);
  await shop.pool.query(
    `update payments set state = 'unknown', updated_at = updated_at - interval '1 minute' where order_id = $1`,
    [orderId],
  );
  await until(async () => (await payments(shop, orderId))[0]?.[1] === 'refund-due');
  expect(await shop.charges()).toMatchObject({ paid: 1 });
});
