import { expect, it } from 'vitest';
import { newSeed, pick, randomFrom } from '../../../gateway/test/support/random.ts';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { bearer } from '../support/http.ts';
import { nobodyThere, openShop, type Shop } from '../support/shop.ts';
import { backlogOf, openStockRedis, runOut } from '../support/stock-redis.ts';

const wild = {
  latencyMs: 10,
  declineShare: 0.15,
  errorShare: 0.1,
  hangShare: 0.1,
  resetShare: 0.15,
  lateShare: 0.15,
  lateMs: 1_200,
  refundFailShare: 0.4,
  callbackDelayMs: 400,
  callbackDuplicateShare: 0.5,
  callbackLossShare: 0.2,
};
/** Charges go well again; refunds go on failing. */
const calm = { latencyMs: 0, declineShare: 0, errorShare: 0, hangShare: 0, resetShare: 0, lateShare: 0 };

/** Whatever a service or the provider answers, or does not. */
async function act(url: string, token: string, orderId: string, what: 'pay' | 'cancel'): Promise<void> {
  await fetch(`${url}/api/orders/${orderId}/${what}`, { method: 'POST', headers: bearer(token) }).then(
    (response) => response.body?.cancel(),
    () => undefined,
  );
}

type Judged = { readonly state: string; readonly charges: readonly (readonly [string, unknown])[] };

/** An order as Postgres has it, with what Postgres and the provider's ledger say of each of its attempts. */
async function judge(shop: Shop, orderId: string): Promise<Judged> {
  const { rows } = await shop.pool.query<{ state: string; attempt: number }>(
    'select state, attempt from orders where order_id = $1',
    [orderId],
  );
  const { state = 'none', attempt = 0 } = rows[0] ?? {};
  const payments = await shop.pool.query<{ attempt: number; state: string }>(
    'select attempt, state from payments where order_id = $1',
    [orderId],
  );
  const charges = Array.from({ length: attempt }, async (_, at) => {
    const paid = payments.rows.find((row) => row.attempt === at + 1);
    return [paid?.state ?? 'none', await shop.charged(`${orderId}:${at + 1}`)] as const;
  });
  return { state, charges: await Promise.all(charges) };
}

it('the money in the ledger is that of the completed orders, once each, whatever fails and whoever dies', async () => {
  const seed = newSeed();
  const random = randomFrom(seed);
  const env = { PAYMENT_TIMEOUT_MS: '500', HOLD_SECONDS: '3600' };
  const shop = await openShop(env, { callbacks: true });
  const { databaseUrl, redisUrl, config } = shop.running;
  const shared = {
    ...env,
    TICKET_REDIS_URL: redisUrl,
    DATABASE_URL: databaseUrl,
    PAYMENT_URL: config.paymentUrl,
  };
  await spawnService('workers/src/main.ts', 'WORKERS_PORT', shared);
  const startSecond = () =>
    spawnService('ticket-service/src/main.ts', 'TICKET_PORT', {
      ...shared,
      MEMBER_SECRET: config.memberSecret,
      ENTRY_REQUIRED: 'false',
      DURABILITY: 'relaxed',
    });
  let second = await startSecond();
  const token = await shop.join();
  const place = async () => String((await shop.order(token, { offerId: 1, quantity: 1 })).body['orderId']);
  const orderIds = await Promise.all(Array.from({ length: 60 }, place));
  await shop.behave(wild);
  for (let round = 0; round < 5; round += 1) {
    const deeds = orderIds.flatMap((orderId) =>
      [1, 2].map(() =>
        act(pick(random, [shop.running.url, second.url]), token, orderId, random() < 0.95 ? 'pay' : 'cancel'),
      ),
    );
    if (round === 1) {
      await shop.crashPayments();
      await shop.behave(wild);
    }
    if (round === 2) {
      await second.kill();
      second = await startSecond();
    }
    await Promise.all(deeds);
  }
  await shop.behave(calm);
  await Promise.all(orderIds.slice(0, 10).map((orderId) => act(shop.running.url, token, orderId, 'cancel')));

  // A payer that died before its payment was written is given a minute.
  const unsettled = `
    select order_id, state from payments where state in ('pending', 'unknown', 'refund-due')
    union all select order_id, state from orders where state = 'PAYING'`;
  const redis = await openStockRedis(redisUrl);
  // Orders come to Postgres by another way than their money: what is told to nobody yet may be an order's end.
  const isQuiet = async () =>
    (await backlogOf(redis)) === 0 &&
    (await shop.pool.query(unsettled)).rows.length === 0 &&
    (await backlogOf(redis)) === 0;
  await until(isQuiet, 240_000);
  await until(async () => (await shop.stock())['held'] === (await countOf(shop, 'RESERVED')));

  const judged = await Promise.all(orderIds.map((orderId) => judge(shop, orderId)));
  const fits: Record<string, readonly unknown[]> = {
    paid: ['paid'],
    refunded: ['refunded'],
    declined: ['declined', undefined],
    none: [undefined],
  };
  for (const order of judged) {
    const story = JSON.stringify({ seed, ...order });
    const kept = order.charges.filter(([, charge]) => charge === 'paid');
    expect(kept, story).toHaveLength(order.state === 'COMPLETED' ? 1 : 0);
    for (const [payment, charge] of order.charges) expect(fits[payment], story).toContain(charge);
  }
  const completed = judged.filter(({ state }) => state === 'COMPLETED').length;
  const { rows } = await shop.pool.query<{ sum: string | null }>(
    `select sum(amount_minor) from orders where state = 'COMPLETED'`,
  );
  const ledger = (await shop.charges()) as { paid: number; declined: number; keptMinor: object };
  expect(ledger.paid).toBe(completed);
  expect(ledger.keptMinor).toEqual(completed === 0 ? {} : { KRW: Number(rows[0]?.sum) });
  await expect.poll(() => shop.stock()).toMatchObject({ sold: completed });
  // It was no fair-weather run.
  expect(completed, `SEED=${seed}`).toBeGreaterThan(5);
  expect(ledger.declined, `SEED=${seed}`).toBeGreaterThan(0);
}, 400_000);

async function countOf(shop: Shop, state: string): Promise<number> {
  const { rows } = await shop.pool.query<{ count: number }>(
    'select count(*)::integer as count from orders where state = $1',
    [state],
  );
  return rows[0]?.count ?? 0;
}

it('a hold that would run out while its payment is under way does not, and the payment counts', async () => {
  const shop = await openShop({ PAYMENT_TIMEOUT_MS: '1000', SETTLE_PAYMENTS: 'false' });
  await spawnService('workers/src/main.ts', 'WORKERS_PORT', {
    TICKET_REDIS_URL: shop.running.redisUrl,
    DATABASE_URL: shop.running.databaseUrl,
    PAYMENT_URL: nobodyThere,
  });
  const redis = await openStockRedis(shop.running.redisUrl);
  const token = await shop.join();
  const paid = await shop.order(token, { offerId: 11, quantity: 1 });
  await shop.behave({ hangShare: 1 });
  expect((await shop.pay(token, paid.body['orderId'])).status).toBe(202);
  const left = await shop.order(token, { offerId: 11, quantity: 1 });
  for (const { body } of [paid, left]) await runOut(redis, String(body['orderId']));
  const stateOf = async ({ body }: typeof paid) =>
    (await shop.get(token, `/api/orders/${body['orderId']}`)).body['state'];
  // Whoever expires holds has been here: a later one is gone.
  await until(async () => (await stateOf(left)) === 'EXPIRED');
  expect(await stateOf(paid)).toBe('PAYING');
  await expect.poll(() => shop.stock(11)).toMatchObject({ held: 1, sold: 0 });
  await shop.behave({ hangShare: 0 });
  expect(await shop.payInTheEnd(token, paid.body['orderId'])).toMatchObject({
    status: 200,
    body: { state: 'COMPLETED' },
  });
  expect(await shop.charges()).toMatchObject({ paid: 1, refunded: 0 });
});

it('shows the circuit breaker: open it asks nobody and keeps holds, and closes by itself', async () => {
  const shop = await openShop();
  await shop.pool.query('update offers set capacity = 1000 where offer_id = 1');
  const token = await shop.join();
  const breaker = async () => {
    const metrics = await (await fetch(`${shop.running.url}/metrics`)).text();
    return /ticket_payment_breaker_state\{state="([\w-]+)"\} 1/.exec(metrics)?.[1];
  };
  expect(await breaker()).toBe('closed');
  const place = async () => String((await shop.order(token, { offerId: 1, quantity: 1 })).body['orderId']);
  await shop.behave({ errorShare: 1 });
  const failing = await Promise.all(Array.from({ length: 12 }, place));
  await until(async () => {
    await Promise.all(failing.map((orderId) => shop.pay(token, orderId)));
    return (await breaker()) === 'open';
  });
  const orderId = await place();
  const refused = await shop.pay(token, orderId);
  expect(refused).toMatchObject({ status: 503, body: { code: 'payment-unavailable' } });
  expect(refused.headers.get('retry-after')).not.toBeNull();
  expect((await shop.get(token, `/api/orders/${orderId}`)).body['state']).toBe('RESERVED');
  expect(await shop.charges()).toMatchObject({ paid: 0, declined: 0 });
  await shop.behave({ errorShare: 0 });
  await until(async () => (await shop.pay(token, orderId)).status === 200);
  expect(await breaker()).toBe('closed');
  expect(await shop.charges()).toMatchObject({ paid: 1 });
});
