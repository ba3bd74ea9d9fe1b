import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inParallel } from '../../../testing/in-parallel.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { bearer, call } from '../support/http.ts';
import { type RunningService, startService } from '../support/start-service.ts';

const empty = { 'content-type': 'application/json' };

/** As their k6 script does it: JSON content type and no body at all. */
const reserve = (running: RunningService, token: string, ticket = '1') =>
  call(running, `/ticket/reserve/${ticket}`, {
    method: 'POST',
    headers: { ...empty, 'x-access-token': token },
  });

async function logIn(running: RunningService, id: string): Promise<string> {
  const { status, body } = await until(async () => {
    const answer = await call(running, '/member/login', { json: { id, password: 'qwer1234' } });
    return answer.status !== 503 && answer;
  });
  expect(status).toBe(200);
  const { accessToken } = body['data'] as { accessToken: string };
  expect(body).toEqual({ data: { accessToken: expect.any(String) } });
  return accessToken;
}

let running: RunningService;
beforeAll(async () => {
  running = await startService({ env: { SOURCE_ROUTES: 'true' } });
});
afterAll(() => running.stop());

describe('the ticket system', () => {
  test('logs members in, and nobody else', async () => {
    await logIn(running, 'testuser1');
    expect(
      (await call(running, '/member/login', { json: { id: 'testuser1', password: 'wrong' } })).status,
    ).toBe(401);
  });

  test('sells at once, without a payment step', async () => {
    const token = await logIn(running, 'testuser1');
    const { status, body } = await reserve(running, token);
    expect(status).toBe(200);
    const { orderId } = body['data'] as { orderId: string };
    const order = await call(running, `/api/orders/${orderId}`, { headers: bearer(token) });
    expect(order.body).toMatchObject({ state: 'COMPLETED', units: 1, offerId: 1 });
    expect((await reserve(running, `Bearer ${token}`)).status).toBe(200);
  });

  test('asks for a token and knows its tickets', async () => {
    expect((await reserve(running, 'nonsense')).status).toBe(401);
    expect((await call(running, '/ticket/reserve/1', { method: 'POST', headers: empty })).status).toBe(401);
    expect((await reserve(running, await logIn(running, 'testuser1'), '2')).status).toBe(404);
    expect((await reserve(running, await logIn(running, 'testuser1'), 'abc')).status).toBe(400);
  });

  test('sells 1,000 of 1,000 to a crowd that wants 1,300, and says 409 to the others', async () => {
    const fresh = cleanedUp(await startService({ env: { SOURCE_ROUTES: 'true' } }), (made) => made.stop());
    const tokens = await Promise.all(
      Array.from({ length: 10 }, (_, at) => logIn(fresh, `testuser${at + 1}`)),
    );
    const answers = await inParallel(200, [...Array(1_300).keys()], (at) =>
      reserve(fresh, tokens[at % 10] ?? ''),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1_000);
    const refused = answers.filter(({ status }) => status === 409);
    expect(refused).toHaveLength(300);
    expect(new Set(refused.map(({ body }) => body['code']))).toEqual(new Set(['sold-out']));
    const stock = await until(async () => {
      const { body } = await call(fresh, '/api/offers/1/stock');
      return body['sold'] === 1_000 && body;
    });
    expect(stock).toEqual({ capacity: 1_000, held: 0, sold: 1_000, available: 0 });
  });
});

describe('the stock API', () => {
  /** `curl -d` sends JSON as a form. */
  const stock = (what: string, body: object) =>
    call(running, `/api/stock/${what}`, {
      text: JSON.stringify(body),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });

  test('answers the shapes of the original', async () => {
    expect(await stock('get', { product_id: 2 })).toMatchObject({
      status: 200,
      body: { product_id: 2, quantity: 50, reserved: 0 },
    });
    expect((await stock('reserve', { product_id: 2, quantity: 3 })).body).toEqual({
      status: 'reserved',
      reserved: 3,
    });
    expect((await stock('confirm', { product_id: 2, quantity: 1 })).body).toEqual({
      status: 'confirmed',
      remaining: 49,
    });
    expect((await stock('cancel', { product_id: 2, quantity: 9 })).body).toEqual({
      status: 'cancelled',
      released: 2,
    });
    expect(await stock('reserve', { product_id: 2, quantity: 60 })).toMatchObject({
      status: 409,
      body: { error: 'insufficient stock', available: 49, requested: 60 },
    });
    expect(await stock('get', { product_id: 9 })).toMatchObject({
      status: 404,
      body: { error: 'not found' },
    });
  });

  test('refuses absurd quantities and what is no JSON, and changes nothing', async () => {
    const before = (await stock('get', { product_id: 1 })).body;
    for (const quantity of [0, -1, 1.5, 2 ** 53, 1e300, '1', null, true, [1]]) {
      expect(await stock('reserve', { product_id: 1, quantity })).toMatchObject({
        status: 400,
        body: { error: expect.any(String) },
      });
    }
    expect((await call(running, '/api/stock/reserve', { text: 'product_id=1' })).status).toBe(400);
    expect((await stock('get', { product_id: 1 })).body).toEqual(before);
  });
});

test('health says ok', async () => {
  expect(await call(running, '/health')).toMatchObject({ status: 200, body: { status: 'ok' } });
});

test('with a token of their own set, the source routes ask for it', async () => {
  const guarded = cleanedUp(
    await startService({ env: { SOURCE_ROUTES: 'true', SOURCE_ROUTES_TOKEN: 'a token of the load test' } }),
    (made) => made.stop(),
  );
  const body = { json: { product_id: 1 } };
  expect((await call(guarded, '/api/stock/get', body)).status).toBe(401);
  const headers = bearer('a token of the load test');
  expect((await call(guarded, '/api/stock/get', { ...body, headers })).status).toBe(200);
});

test('unless they are asked for, there are none', async () => {
  const closed = cleanedUp(await startService(), (made) => made.stop());
  for (const path of ['/member/login', '/ticket/reserve/1', '/api/stock/get']) {
    expect((await call(closed, path, { json: {} })).status).toBe(404);
  }
});
