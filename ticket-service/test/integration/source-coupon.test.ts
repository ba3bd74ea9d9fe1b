import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { entryToken, newSigner } from '../support/entry-tokens.ts';
import { bearer, call, logIn } from '../support/http.ts';
import { startOtherSide } from '../support/other-side.ts';
import { type RunningService, startService } from '../support/start-service.ts';

let running: RunningService;
beforeAll(async () => {
  running = await startService({ sourceSystems: true, env: { SOURCE_ROUTES: 'true' } });
});
afterAll(() => running.stop());

/** As their script sends it. */
const wish = (userId: unknown, changes: Record<string, unknown> = {}) => ({
  ...{ userId, couponId: 104, policyId: 3, typeSnapshot: 'RATE', discountRateSnapshot: 10 },
  ...{ minimumOrderPriceSnapshot: 5_000, expiredAt: '2025-12-31T23:59:59' },
  ...changes,
});
const issue = (json: unknown) => call(running, '/coupon/issue', { json });
const issued = async () => (await call(running, '/api/coupons/104')).body['issued'];

test('issues one to each user, and says 202 to all of them, also at once and again', async () => {
  const before = Number(await issued());
  const answers = await Promise.all(
    Array.from({ length: 120 }, (_, n) => issue(wish(n % 2 === 0 ? n % 40 : String(n % 40)))),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  const outcomes = answers.map(({ body }) => body['outcome']);
  expect(outcomes.filter((outcome) => outcome === 'issued')).toHaveLength(40);
  expect(outcomes.filter((outcome) => outcome === 'already')).toHaveLength(80);
  await until(async () => (await issued()) === before + 40);
});

test('says 202 also when it is gone', async () => {
  const host = bearer(await logIn(running, 'host1'));
  const capacity = await until(async () => Number(await issued()) + 1);
  const change = await call(running, '/api/offers/104', {
    method: 'PATCH',
    json: { capacity },
    headers: host,
  });
  expect(change.status).toBe(200);
  const answers = await Promise.all(['ada', 'ben', 'cem'].map((user) => issue(wish(user))));
  expect(answers.map(({ status, body }) => `${status} ${body['outcome']}`).toSorted()).toEqual([
    '202 gone',
    '202 gone',
    '202 issued',
  ]);
});

test.each(['2025-12-31', '2025-12-31 23:59:59', '2025-12-31T23:59:59.123456+09:00'])(
  'takes %s as the end of a coupon',
  async (expiredAt) => {
    expect((await issue(wish(`end-${expiredAt.length}`, { expiredAt }))).status).toBe(202);
  },
);

test('takes snapshots as the callers write them: numbers in quotes, and null', async () => {
  const odd = { policyId: '3', typeSnapshot: null, discountRateSnapshot: '10.5', expiredAt: null };
  expect(await issue(wish('odd-snapshots', odd))).toMatchObject({
    status: 202,
    body: { userId: 'odd-snapshots', couponId: 104 },
  });
});

test('refuses what is no wish, and a coupon that there is not', async () => {
  const before = await issued();
  for (const wrong of [
    wish(undefined),
    wish(null),
    wish(''),
    wish('a:b'),
    wish(-1),
    wish(1.5),
    wish(['1']),
    wish(1, { couponId: undefined }),
    wish(1, { couponId: 'x' }),
    wish(1, { couponId: 0 }),
    wish(1, { discountRateSnapshot: 'much' }),
    wish(1, { discountRateSnapshot: -1 }),
    wish(1, { expiredAt: 'tomorrow' }),
    wish(1, { expiredAt: '9999-99-99T99' }),
    wish(1, { expiredAt: '2025-02-29' }),
    wish(1, { typeSnapshot: 7 }),
    [],
    'x',
  ]) {
    expect(await issue(wrong), JSON.stringify(wrong)).toMatchObject({
      status: 400,
      body: { code: 'bad-request' },
    });
  }
  expect((await call(running, '/coupon/issue', { method: 'POST', text: '{' })).status).toBe(400);
  expect(await issue(wish(1, { couponId: 105 }))).toMatchObject({
    status: 404,
    body: { code: 'unknown-offer' },
  });
  expect(await issued()).toBe(before);
});

test('checks the entry, which is then bound to itself and no member’s any more', async () => {
  const signer = await newSigner();
  const gateway = cleanedUp(await startOtherSide(signer.jwks), (it) => it.stop());
  const guarded = cleanedUp(
    await startService({
      sourceSystems: true,
      env: {
        ...{ SOURCE_ROUTES: 'true', ENTRY_REQUIRED: 'true' },
        ENTRY_JWKS_URL: `${gateway.url}/_ropeline/jwks.json`,
      },
    }),
    (it) => it.stop(),
  );
  await until(async () => (await call(guarded, '/health/ready')).status === 200);
  const ask = (user: number, headers: Record<string, string>) =>
    call(guarded, '/coupon/issue', { json: wish(user), headers });
  expect(await ask(1, {})).toMatchObject({ status: 401, body: { code: 'entry-required' } });
  const entry = { 'x-ropeline-entry': await entryToken(signer) };
  expect((await ask(1, entry)).body['outcome']).toBe('issued');
  expect((await ask(2, entry)).body['outcome']).toBe('issued');
  const book = { roomId: 1, startDate: 20300101, endDate: 20300102 };
  expect(await call(guarded, '/books', { json: book })).toMatchObject({ status: 401 });
  const order = (headers: Record<string, string>) =>
    call(guarded, '/api/orders', { json: { offerId: 1, quantity: 1 }, headers });
  const member = { ...bearer(await logIn(guarded)), 'idempotency-key': randomUUID() };
  expect(await order({ ...member, ...entry })).toMatchObject({ status: 403, body: { code: 'entry-bound' } });
  const own = { 'x-ropeline-entry': await entryToken(signer) };
  expect((await order({ ...member, ...own })).status).toBe(201);
  expect(await ask(3, own)).toMatchObject({ status: 403, body: { code: 'entry-bound' } });
});

test('the description shows an example of every body', async () => {
  const { body } = await call(running, '/openapi.json');
  const calls = Object.entries(body['paths'] as Record<string, Record<string, Operation>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, it]) => ({ name: `${method} ${path}`, ...it })),
  );
  expect(calls.length).toBeGreaterThan(40);
  const lacking = calls.flatMap(({ name, requestBody, responses }) => {
    const answers = Object.entries(responses).filter(([status]) => status < '300');
    const all = [['request', requestBody] as const, ...answers];
    return all.filter(([, it]) => !hasExample(it)).map(([what]) => `${name} ${what}`);
  });
  expect(lacking).toEqual([]);
});

type Described = { readonly content?: Record<string, { readonly schema?: object }> };
type Operation = {
  readonly requestBody?: Described;
  readonly responses: Record<string, Described>;
};

/** Or is empty. */
function hasExample(described: Described | undefined): boolean {
  return Object.values(described?.content ?? {}).every((media) => /"examples?":/.test(JSON.stringify(media)));
}
