import { fileURLToPath } from 'node:url';
import Stripe from 'stripe';
import { expect, it } from 'vitest';
import { freePort } from '../../../scripts/services/free-port.ts';
import { supplyStripeMock } from '../../../scripts/supply/stripe-mock.ts';
import { spawnService } from '../../../testing/spawn-service.ts';
import { startStripeMock } from '../../../testing/start-stripe-mock.ts';
import { until } from '../../../testing/until.ts';
import { bearer, call } from '../support/http.ts';
import { openShop, type Shop } from '../support/shop.ts';

const mock = supplyStripeMock(fileURLToPath(new URL('../../../', import.meta.url)));
const webhookSecret = 'whsec_of_this_test';

async function openStripeShop() {
  if ('missing' in mock) throw new Error(mock.missing);
  const port = await freePort();
  const env = {
    PAYMENT_PROVIDER: 'stripe',
    STRIPE_SECRET_KEY: 'sk_test_123',
    STRIPE_WEBHOOK_SECRET: webhookSecret,
    STRIPE_URL: `http://127.0.0.1:${port}`,
    PAYMENT_TIMEOUT_MS: '8000',
    SETTLE_PAYMENTS: 'false',
  };
  const shop = await openShop(env);
  const token = await shop.join();
  const { body } = await shop.order(token, { offerId: 11, quantity: 1 });
  const orderId = String(body['orderId']);
  return {
    shop,
    token,
    orderId,
    env,
    pay: (json?: unknown) =>
      call(shop.running, `/api/orders/${orderId}/pay`, {
        method: 'POST',
        headers: bearer(token),
        ...(json === undefined ? {} : { json }),
      }),
    /** From now on Stripe is there, with one PaymentIntent of this reference. */
    startStripe: (reference: string, status: string, refund: Record<string, unknown> = {}) =>
      startStripeMock(
        mock,
        {
          payment_intent: {
            amount: 1_500,
            metadata: { ropeline_reference: reference },
            status,
            last_payment_error: null,
          },
          refund: { amount: 1_500, status: 'succeeded', ...refund },
        },
        port,
      ),
  };
}

const intent = { id: 'pi_1', object: 'payment_intent' };
const refund = { id: 're_1', object: 'refund', payment_intent: 'pi_1' };

async function callBack(
  shop: Shop,
  reference: string,
  secret = webhookSecret,
  type = 'payment_intent.succeeded',
) {
  const about = type.includes('refund') ? refund : intent;
  const payload = JSON.stringify({
    id: 'evt_1',
    object: 'event',
    type,
    data: { object: { ...about, metadata: { ropeline_reference: reference } } },
  });
  const header = new Stripe('unused').webhooks.generateTestHeaderString({ payload, secret });
  return call(shop.running, '/api/webhooks/payments', {
    text: payload,
    headers: { 'stripe-signature': header },
  });
}

const states = async (shop: Shop) =>
  (await shop.pool.query('select attempt, state, method from payments order by attempt')).rows;

if ('missing' in mock) {
  console.warn(`Paying by Stripe is NOT tried: stripe-mock cannot be had: ${mock.missing}.`);
  it.skip(`stripe-mock cannot be had: ${mock.missing}`);
} else {
  it('pays by Stripe with the payment method of the click, keeps the hold while Stripe is away, and refunds', async () => {
    const { shop, token, orderId, env, pay, startStripe } = await openStripeShop();
    const asked = await pay();
    expect(asked).toMatchObject({ status: 400, body: { code: 'bad-request' } });
    const method = { paymentMethod: 'pm_card_visa' };
    expect(await pay(method)).toMatchObject({ status: 503, body: { code: 'payment-unavailable' } });
    expect((await shop.get(token, `/api/orders/${orderId}`)).body['state']).toBe('RESERVED');
    await startStripe(`${orderId}:2`, 'succeeded');
    expect(await pay(method)).toMatchObject({ status: 200, body: { state: 'COMPLETED' } });
    expect(await pay()).toMatchObject({ status: 200, body: { state: 'COMPLETED' } });
    expect(await states(shop)).toEqual([
      { attempt: 1, state: 'declined', method: 'pm_card_visa' },
      { attempt: 2, state: 'paid', method: 'pm_card_visa' },
    ]);
    expect((await shop.cancel(token, orderId)).status).toBe(200);
    await spawnService('workers/src/main.ts', 'WORKERS_PORT', {
      ...env,
      TICKET_REDIS_URL: shop.running.redisUrl,
      DATABASE_URL: shop.running.databaseUrl,
    });
    await until(async () => (await states(shop))[1]?.state === 'refunded');
  });

  it("settles a payment under way when Stripe's signed event makes it ask, and by no forged one", async () => {
    const { shop, token, orderId, pay, startStripe } = await openStripeShop();
    const reference = `${orderId}:1`;
    await startStripe(reference, 'processing');
    expect((await pay({ paymentMethod: 'pm_card_visa' })).status).toBe(202);
    // Signed, and early: Stripe itself does not say so yet.
    expect((await callBack(shop, reference)).status).toBe(200);
    expect((await shop.get(token, `/api/orders/${orderId}`)).body['state']).toBe('PAYING');
    expect(await callBack(shop, reference, 'whsec_of_somebody_else')).toMatchObject({
      status: 401,
      body: { code: 'bad-signature' },
    });
    expect((await callBack(shop, 'somebody:1')).status).toBe(200);
    expect(await states(shop)).toEqual([{ attempt: 1, state: 'unknown', method: 'pm_card_visa' }]);
  });

  it('completes the order when the event makes it ask and Stripe says that it is paid', async () => {
    const { shop, token, orderId, pay, startStripe } = await openStripeShop();
    const reference = `${orderId}:1`;
    const before = await startStripe(reference, 'processing');
    expect((await pay({ paymentMethod: 'pm_card_visa' })).status).toBe(202);
    await before.stop();
    // Away: it is asked for later, and the event may come again.
    expect((await callBack(shop, reference)).status).toBe(200);
    expect((await shop.get(token, `/api/orders/${orderId}`)).body['state']).toBe('PAYING');
    await startStripe(reference, 'succeeded');
    const told = await Promise.all([1, 2, 3].map(() => callBack(shop, reference)));
    expect(told.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await shop.get(token, `/api/orders/${orderId}`)).body).toMatchObject({
      state: 'COMPLETED',
      version: 3,
    });
    expect(await states(shop)).toEqual([{ attempt: 1, state: 'paid', method: 'pm_card_visa' }]);
  });

  it('a refund that fails after it was made is due again and raised to people, until they have refunded it', async () => {
    const { shop, token, orderId, env, pay, startStripe } = await openStripeShop();
    const reference = `${orderId}:1`;
    const before = await startStripe(reference, 'succeeded');
    expect((await pay({ paymentMethod: 'pm_card_visa' })).status).toBe(200);
    expect((await shop.cancel(token, orderId)).status).toBe(200);
    const workers = await spawnService('workers/src/main.ts', 'WORKERS_PORT', {
      ...env,
      TICKET_REDIS_URL: shop.running.redisUrl,
      DATABASE_URL: shop.running.databaseUrl,
    });
    const payment = async () =>
      (await shop.pool.query<{ state: string; error: string | null }>('select state, error from payments'))
        .rows[0];
    await until(async () => (await payment())?.state === 'refunded');

    const tell = (type: string, secret?: string) => callBack(shop, reference, secret, type);
    // Nothing has failed at Stripe itself, whoever says so.
    expect((await tell('refund.failed')).status).toBe(200);
    expect((await tell('refund.failed', 'whsec_of_somebody_else')).status).toBe(401);
    expect((await payment())?.state).toBe('refunded');
    await before.stop();
    // Nobody else would ask later: Stripe is to tell it again.
    expect((await tell('refund.updated')).status).toBe(503);
    const failing = await startStripe(reference, 'succeeded', {
      ...{ status: 'failed', failure_reason: 'lost_or_stolen_card' },
    });
    const told = await Promise.all(
      ['refund.updated', 'refund.failed', 'charge.refund.updated'].map((type) => tell(type)),
    );
    expect(told.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await payment())?.state).toBe('refund-due');
    expect((await payment())?.error).toContain('lost_or_stolen_card');
    const metrics = await (await fetch(`${shop.running.url}/metrics`)).text();
    expect(metrics).toContain('ticket_payment_callbacks_total{outcome="refund-failed"} 1');
    await until(() => workers.printed().includes('a person must look'));
    const ofWorkers = async () => (await fetch(`${workers.url}/metrics`)).text();
    await until(async () => (await ofWorkers()).includes('ropeline_workers_refunds_total{outcome="failed"}'));
    expect((await payment())?.state).toBe('refund-due');

    await failing.stop();
    await startStripe(reference, 'succeeded');
    await until(async () => (await payment())?.state === 'refunded');
    const { rows } = await shop.pool.query(
      `select type from events where correlation_id = $1 and type like 'refund.%' order by version`,
      [orderId],
    );
    expect(rows.map(({ type }) => type)).toEqual(['refund.due', 'refund.made', 'refund.due', 'refund.made']);
  });

  it('needs a key of Stripe', async () => {
    await expect(openShop({ PAYMENT_PROVIDER: 'stripe' })).rejects.toThrow(/STRIPE_SECRET_KEY is required/);
  });
}
