import { createHash, randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { inParallel } from '../../../testing/in-parallel.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { bearer, call } from '../support/http.ts';
import { nobodyThere, openShop } from '../support/shop.ts';

const codeOf = ({ status, body }: { status: number; body: Record<string, unknown> }) => [
  status,
  body['code'],
];

it('reserves, and shows the order to its member at once and to nobody else', async () => {
  const shop = await openShop();
  const [mine, other] = [await shop.join('testuser1'), await shop.join('testuser2')];
  const askedAt = Date.now();
  const made = await shop.order(mine, { offerId: 11, quantity: 2 });
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({ state: 'RESERVED', units: 2, amount: { minor: 3_000, currency: 'KRW' } });
  expect(Number(made.body['holdUntil'])).toBeGreaterThan(askedAt + 299_000);
  const path = `/api/orders/${made.body['orderId']}`;
  expect((await shop.get(mine, path)).body).toEqual(made.body);
  expect((await shop.get(mine, '/api/orders')).body).toEqual({ orders: [made.body] });
  expect(codeOf(await shop.get(other, path))).toEqual([404, 'unknown-order']);
  expect(codeOf(await shop.pay(other, made.body['orderId']))).toEqual([404, 'unknown-order']);
  expect(codeOf(await shop.cancel(other, made.body['orderId']))).toEqual([404, 'unknown-order']);
  expect((await shop.get(other, '/api/orders')).body).toEqual({ orders: [] });
  expect(codeOf(await shop.get(mine, `/api/orders/${randomUUID()}`))).toEqual([404, 'unknown-order']);
});

it('answers a repeated key with the order as it is now, and refuses the key for another body', async () => {
  const shop = await openShop();
  const token = await shop.join();
  const both = await Promise.all([1, 2, 3].map(() => shop.order(token, { offerId: 11, quantity: 1 }, 'k1')));
  expect(both.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
  const orderId = both[0]?.body['orderId'];
  expect(new Set(both.map(({ body }) => body['orderId'])).size).toBe(1);
  await shop.cancel(token, orderId);
  const again = await shop.order(token, { offerId: 11, quantity: 1 }, 'k1');
  expect(again).toMatchObject({ status: 200, body: { orderId, state: 'CANCELLED' } });
  expect(codeOf(await shop.order(token, { offerId: 11, quantity: 2 }, 'k1'))).toEqual([
    422,
    'idempotency-mismatch',
  ]);
  expect(codeOf(await shop.order(token, { offerId: 11, quantity: 1 }, ' '))).toEqual([
    400,
    'idempotency-key-required',
  ]);
});

it('tells sold out from all held, also when it answers from memory, and takes it back when units come free', async () => {
  const shop = await openShop();
  const [first, second] = [await shop.join('testuser1'), await shop.join('testuser2')];
  const { body } = await shop.order(first, { offerId: 11, quantity: 3 }, 'k1');
  const held = await shop.order(second, { offerId: 11, quantity: 1 });
  expect(codeOf(held)).toEqual([409, 'all-held']);
  expect(held.headers.get('retry-after')).not.toBeNull();
  expect(held.body['available']).toBe(0);
  expect((await shop.pay(first, body['orderId'])).status).toBe(200);
  for (let tries = 0; tries < 20; tries += 1) {
    expect(codeOf(await shop.order(second, { offerId: 11, quantity: 1 }))).toEqual([409, 'sold-out']);
  }
  expect((await shop.order(first, { offerId: 11, quantity: 3 }, 'k1')).body).toMatchObject({
    state: 'COMPLETED',
  });
  expect((await shop.cancel(first, body['orderId'])).body).toMatchObject({ state: 'CANCELLED' });
  await until(async () => (await shop.order(second, { offerId: 11, quantity: 1 })).status === 201);
  await expect.poll(() => shop.stock(11)).toEqual({ capacity: 3, held: 1, sold: 0, available: 2 });
});

it('limits a member, gives the room back, and leaves others alone', async () => {
  const shop = await openShop();
  const [first, second] = [await shop.join('testuser1'), await shop.join('testuser2')];
  const { body } = await shop.order(first, { offerId: 12, quantity: 2 });
  expect(codeOf(await shop.order(first, { offerId: 12, quantity: 1 }))).toEqual([409, 'limit-reached']);
  expect((await shop.order(second, { offerId: 12, quantity: 2 })).status).toBe(201);
  await shop.cancel(first, body['orderId']);
  expect((await shop.order(first, { offerId: 12, quantity: 1 })).status).toBe(201);
});

it('refuses what is no order, and changes nothing', async () => {
  const shop = await openShop();
  const token = await shop.join();
  for (const quantity of [0, -1, 1.5, 2 ** 53, 1e300, '1', null, true, [1]]) {
    expect((await shop.order(token, { offerId: 11, quantity })).status, String(quantity)).toBe(400);
  }
  for (const offerId of [0, -1, 1.5, 2 ** 53, '11', null]) {
    expect((await shop.order(token, { offerId, quantity: 1 })).status, String(offerId)).toBe(400);
  }
  expect(codeOf(await shop.order(token, { offerId: 404, quantity: 1 }))).toEqual([404, 'unknown-offer']);
  expect((await shop.order(token, { offerId: 11, quantity: 1, price: 0 })).status).toBe(400);
  expect((await shop.order(token, [])).status).toBe(400);
  expect((await shop.order(token, { offerId: 11, quantity: 1 }, 'x'.repeat(201))).status).toBe(400);
  const keyless = await call(shop.running, '/api/orders', {
    json: { offerId: 11, quantity: 1 },
    headers: bearer(token),
  });
  expect(codeOf(keyless)).toEqual([400, 'idempotency-key-required']);
  const nobody = await call(shop.running, '/api/orders', { json: { offerId: 11, quantity: 1 } });
  expect(codeOf(nobody)).toEqual([401, 'login-required']);
  for (const id of ['1', 'x', '%00', `${randomUUID()}0`]) {
    expect([400, 404]).toContain((await shop.pay(token, id)).status);
  }
  expect(codeOf(await shop.pay(token, randomUUID()))).toEqual([404, 'unknown-order']);
  expect((await shop.order(token, { offerId: 11, quantity: 1_000_000 })).status).toBe(409);
  await expect.poll(() => shop.stock(11)).toEqual({ capacity: 3, held: 0, sold: 0, available: 3 });
});

it('sells three units to a crowd, each once', async () => {
  const shop = await openShop();
  const tokens = await Promise.all(Array.from({ length: 20 }, (_, at) => shop.join(`testuser${at + 1}`)));
  const answers = await inParallel(100, [...Array(300).keys()], (at) =>
    shop.order(tokens[at % 20] ?? '', { offerId: 11, quantity: 1 }),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(3);
  expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
});

it('knows an order for ever: workers write it down, Redis forgets it, and it can still be cancelled', async () => {
  const shop = await openShop();
  await spawnService('workers/src/main.ts', 'WORKERS_PORT', {
    DATABASE_URL: shop.running.databaseUrl,
    TICKET_REDIS_URL: shop.running.redisUrl,
    PAYMENT_URL: nobodyThere,
  });
  const token = await shop.join();
  const { body } = await shop.order(token, { offerId: 11, quantity: 3 });
  const orderId = String(body['orderId']);
  expect((await shop.pay(token, orderId)).body).toMatchObject({ state: 'COMPLETED', version: 3 });
  const row = () => shop.pool.query('select state, version from orders where order_id = $1', [orderId]);
  await until(async () => (await row()).rows[0]?.version === 3);
  await shop.forget(orderId);
  expect((await shop.get(token, `/api/orders/${orderId}`)).body).toMatchObject({
    state: 'COMPLETED',
    version: 3,
  });
  expect((await shop.pay(token, orderId)).status).toBe(200);
  const cancelled = await shop.cancel(token, orderId);
  expect(cancelled).toMatchObject({ status: 200, body: { state: 'CANCELLED', version: 4 } });
  await until(async () => (await row()).rows[0]?.state === 'CANCELLED');
  const { rows } = await shop.pool.query('select state from payments where order_id = $1', [orderId]);
  expect(rows).toEqual([{ state: 'refund-due' }]);
});

it('says sold out of an old offer from memory, without asking Postgres for the key', async () => {
  const shop = await openShop();
  const [first, second] = [await shop.join('testuser1'), await shop.join('testuser2')];
  const { body } = await shop.order(first, { offerId: 13, quantity: 5 }, 'k1');
  expect((await shop.pay(first, body['orderId'])).status).toBe(200);
  // From now on the stock is read again and again, and remembered for a second each time.
  await until(async () => (await shop.order(second, { offerId: 13, quantity: 1 })).status === 409);
  await until(async () => (await shop.stock(13))['sold'] === 5);
  const locking = cleanedUp(await shop.pool.connect(), async (client) => {
    await client.query('rollback');
    client.release();
  });
  await locking.query('begin; lock table orders in access exclusive mode');
  // Whoever asks Postgres now hangs: 409 comes from memory, once the stock was read.
  const refused = await until(async () => {
    const answer = await shop.order(second, { offerId: 13, quantity: 1 });
    return answer.status === 409 && answer;
  });
  expect(codeOf(refused)).toEqual([409, 'sold-out']);
  await locking.query('rollback');
  expect(await shop.order(first, { offerId: 13, quantity: 5 }, 'k1')).toMatchObject({
    status: 200,
    body: { state: 'COMPLETED' },
  });
});

it('tells an order that Redis has, and repeats it by its key, while Postgres hangs', async () => {
  const shop = await openShop();
  const token = await shop.join();
  const { body } = await shop.order(token, { offerId: 1, quantity: 1 }, 'k1');
  const locking = cleanedUp(await shop.pool.connect(), async (client) => {
    await client.query('rollback');
    client.release();
  });
  await locking.query('begin; lock table orders in access exclusive mode');
  const told = { status: 200, body: { orderId: body['orderId'], state: 'RESERVED' } };
  expect(await shop.order(token, { offerId: 1, quantity: 1 }, 'k1')).toMatchObject(told);
  expect(await shop.get(token, `/api/orders/${body['orderId']}`)).toMatchObject(told);
});

it('sells of an old offer while Postgres is away, to who never ordered of it', async () => {
  const shop = await openShop();
  const [first, second] = [await shop.join('testuser1'), await shop.join('testuser2')];
  expect((await shop.order(first, { offerId: 13, quantity: 1 }, 'k1')).status).toBe(201);
  const locking = cleanedUp(await shop.pool.connect(), async (client) => {
    await client.query('rollback');
    client.release();
  });
  await locking.query('begin; lock table orders in access exclusive mode');
  expect((await shop.order(second, { offerId: 13, quantity: 1 }, 'k1')).status).toBe(201);
  // Who ordered before may be repeating a request that only Postgres remembers.
  expect((await shop.order(first, { offerId: 13, quantity: 1 }, 'k2')).status).toBe(503);
});

it('knows an idempotency key for ever: after a day Redis has let it go, Postgres has not', async () => {
  const shop = await openShop();
  const token = await shop.join();
  // Offer 13 went on sale two days ago; the member has ordered of it, and once with this key.
  const first = await shop.order(token, { offerId: 13, quantity: 1 });
  expect((await shop.cancel(token, first.body['orderId'])).status).toBe(200);
  const { rows } = await shop.pool.query<{ order_id: string }>(
    `insert into orders (order_id, version, state, offer_id, member_id, units, quantity, amount_minor, currency, attempt,
       entry, idempotency_key, body_hash, hold_until, created_at, updated_at)
     values (gen_random_uuid(), 2, 'EXPIRED', 13, 'testuser1', '1', 1, 10, 'KRW', 0,
       '', 'k-old', $1, now() - interval '2 days', now() - interval '2 days', now() - interval '2 days')
     returning order_id`,
    [createHash('sha256').update('pool 13 1').digest('base64url').slice(0, 22)],
  );
  const again = await shop.order(token, { offerId: 13, quantity: 1 }, 'k-old');
  expect(again).toMatchObject({ status: 200, body: { orderId: rows[0]?.order_id, state: 'EXPIRED' } });
  expect(codeOf(await shop.order(token, { offerId: 13, quantity: 2 }, 'k-old'))).toEqual([
    422,
    'idempotency-mismatch',
  ]);
  expect((await shop.order(token, { offerId: 13, quantity: 1 }, 'k-new')).status).toBe(201);
});
