import { appendFileSync, readFileSync } from 'node:fs';
import { callbackSignatureHeader, signCallback } from '@ropeline/core/payments/callback-signature.ts';
import { expect, it } from 'vitest';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { type Answer, call } from '../support/http.ts';
import { callbackSecret, openShop, type Shop } from '../support/shop.ts';

async function reserved(shop: Shop, token: string): Promise<string> {
  return String((await shop.order(token, { offerId: 11, quantity: 1 })).body['orderId']);
}

/** Calls the shop back as the provider would; `by`: whose secret signs. */
async function callBack(
  shop: Shop,
  reference: string,
  { state = 'paid', by = callbackSecret, at = Date.now() / 1_000 } = {},
): Promise<Answer> {
  const text = JSON.stringify({ id: reference, type: `charge.${state}`, charge: { reference, state } });
  return call(shop.running, '/api/webhooks/payments', {
    text,
    headers: { [callbackSignatureHeader]: signCallback(by, text, Math.floor(at)) },
  });
}

async function stateOf(shop: Shop, token: string, orderId: string): Promise<unknown> {
  return (await shop.get(token, `/api/orders/${orderId}`)).body['state'];
}

async function payments(shop: Shop, orderId: string): Promise<unknown> {
  const { rows } = await shop.pool.query(
    'select attempt, state from payments where order_id = $1 order by attempt',
    [orderId],
  );
  return rows;
}

it('a callback settles a payment whose answer never came, without anybody asking', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false', PAYMENT_TIMEOUT_MS: '2000' }, { callbacks: true });
  const token = await shop.join();
  await shop.behave({ resetShare: 1, latencyMs: 0, callbackDelayMs: 0 });
  const orderId = await reserved(shop, token);
  const paid = await shop.pay(token, orderId);
  // The connection was cut after the charge; the call is sent again, or the callback is quicker.
  expect([200, 202]).toContain(paid.status);
  await until(async () => (await stateOf(shop, token, orderId)) === 'COMPLETED');
  await shop.behave({ resetShare: 0, lateShare: 1, lateMs: 3_000 });
  const late = await reserved(shop, token);
  expect((await shop.pay(token, late)).status).toBe(202);
  await until(async () => (await stateOf(shop, token, late)) === 'COMPLETED');
  expect(await shop.charges()).toMatchObject({ paid: 2, refunded: 0 });
});

it('a callback that comes before the answer of its charge completes the order, and the answer repeats it', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false', PAYMENT_TIMEOUT_MS: '8000' }, { callbacks: true });
  const token = await shop.join();
  await shop.behave({ latencyMs: 6_000, callbackDelayMs: 0 });
  const orderId = await reserved(shop, token);
  let answered = false;
  const paying = shop.pay(token, orderId).then((answer) => {
    answered = true;
    return answer;
  });
  await until(async () => (await stateOf(shop, token, orderId)) === 'COMPLETED');
  expect(answered).toBe(false);
  expect(await paying).toMatchObject({ status: 200, body: { state: 'COMPLETED', version: 3 } });
  expect(await payments(shop, orderId)).toEqual([{ attempt: 1, state: 'paid' }]);
});

it('callbacks that are forged, unsigned or too old change nothing and are counted', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false', PAYMENT_TIMEOUT_MS: '200' });
  const token = await shop.join();
  await shop.behave({ hangShare: 1 });
  const orderId = await reserved(shop, token);
  expect((await shop.pay(token, orderId)).status).toBe(202);
  await shop.behave({ hangShare: 0 });
  const reference = `${orderId}:1`;
  for (const answer of [
    await callBack(shop, reference, { by: 'another secret, of 32 bytes or even more' }),
    await callBack(shop, reference, { at: Date.now() / 1_000 - 3_600 }),
    await call(shop.running, '/api/webhooks/payments', { text: '{}' }),
    await call(shop.running, '/api/webhooks/payments', { method: 'POST' }),
  ])
    expect(answer).toMatchObject({ status: 401, body: { code: 'bad-signature' } });
  expect(await stateOf(shop, token, orderId)).toBe('PAYING');
  const metrics = await (await fetch(`${shop.running.url}/metrics`)).text();
  expect(metrics).toContain('ticket_payment_callbacks_total{outcome="forged"} 4');
});

it('nothing that a callback says is believed: the provider is asked', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false', PAYMENT_URL: 'http://127.0.0.1:1' });
  const token = await shop.join();
  const orderId = await reserved(shop, token);
  expect((await shop.pay(token, orderId)).status).toBe(503);
  // Signed with the right secret, and a lie: nothing was ever charged.
  expect((await callBack(shop, `${orderId}:1`)).status).toBe(200);
  expect(await stateOf(shop, token, orderId)).toBe('RESERVED');
  expect((await callBack(shop, 'nobody:1')).status).toBe(200);
  const metrics = await (await fetch(`${shop.running.url}/metrics`)).text();
  expect(metrics).toContain('ticket_payment_callbacks_total{outcome="unsettled"} 1');
  expect(metrics).toContain('ticket_payment_callbacks_total{outcome="stranger"} 1');
});

it('callbacks that come late, twice and in the wrong order leave an order as it is', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false' });
  const [token, other] = [await shop.join(), await shop.join('testuser2')];
  const orderId = await reserved(shop, token);
  await shop.pay(token, orderId);
  const reference = `${orderId}:1`;
  const states = ['refunded', 'paid', 'declined', 'paid', 'refunded'];
  const answers = await Promise.all(states.map((state) => callBack(shop, reference, { state })));
  expect(answers.map(({ status }) => status)).toEqual(states.map(() => 200));
  expect(await stateOf(shop, token, orderId)).toBe('COMPLETED');
  expect(await payments(shop, orderId)).toEqual([{ attempt: 1, state: 'paid' }]);
  await shop.behave({ declineShare: 1 });
  const declined = await reserved(shop, other);
  expect((await shop.pay(other, declined)).status).toBe(402);
  await Promise.all(states.map((state) => callBack(shop, `${declined}:1`, { state })));
  expect(await stateOf(shop, other, declined)).toBe('CANCELLED');
  expect(await payments(shop, declined)).toEqual([{ attempt: 1, state: 'declined' }]);
  await expect.poll(() => shop.stock(11)).toMatchObject({ sold: 1, held: 0 });
});

it('money that a callback tells of when its order is over goes back', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false' });
  const token = await shop.join();
  const orderId = await reserved(shop, token);
  await shop.pay(token, orderId);
  // As if the provider had said for certain that nothing was charged, and it was after all.
  await shop.pool.query(`update payments set state = 'declined', error = 'no' where order_id = $1`, [
    orderId,
  ]);
  await shop.cancel(token, orderId);
  expect(await payments(shop, orderId)).toEqual([{ attempt: 1, state: 'declined' }]);
  expect((await callBack(shop, `${orderId}:1`)).status).toBe(200);
  expect(await payments(shop, orderId)).toEqual([{ attempt: 1, state: 'refund-due' }]);
});

it('money that was given back and came back to the provider is due again, and goes back again', async () => {
  const shop = await openShop({ SETTLE_PAYMENTS: 'false' });
  const { redisUrl, databaseUrl, config } = shop.running;
  await spawnService('workers/src/main.ts', 'WORKERS_PORT', {
    ...{ TICKET_REDIS_URL: redisUrl, DATABASE_URL: databaseUrl, PAYMENT_URL: config.paymentUrl },
  });
  const token = await shop.join();
  const orderId = await reserved(shop, token);
  await shop.pay(token, orderId);
  await shop.cancel(token, orderId);
  const isRefunded = async () => {
    const [payment] = (await payments(shop, orderId)) as readonly { readonly state: string }[];
    return payment?.state === 'refunded';
  };
  await until(isRefunded);
  const reference = `${orderId}:1`;
  // The provider still has it as refunded: nothing is believed.
  expect((await callBack(shop, reference, { state: 'paid' })).status).toBe(200);
  expect(await isRefunded()).toBe(true);

  const [charge] = readFileSync(shop.ledgerFile, 'utf8').split('\n');
  appendFileSync(shop.ledgerFile, `${charge}\n`);
  await shop.crashPayments();
  expect(await shop.charged(reference)).toBe('paid');
  expect((await callBack(shop, reference, { state: 'paid' })).status).toBe(200);
  const metrics = await (await fetch(`${shop.running.url}/metrics`)).text();
  expect(metrics).toContain('ticket_payment_callbacks_total{outcome="refund-failed"} 1');
  await until(async () => (await shop.charged(reference)) === 'refunded');
  await until(isRefunded);
  expect(await stateOf(shop, token, orderId)).toBe('CANCELLED');
});

it('without a secret there is no webhook', async () => {
  const shop = await openShop({ PAYMENT_CALLBACK_SECRET: '' });
  expect((await callBack(shop, 'a:1')).status).toBe(404);
});
