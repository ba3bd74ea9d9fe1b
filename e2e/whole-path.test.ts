import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { entryCookie, entryHeader } from '@ropeline/core/protocol/entry.ts';
import {
  createRemoteJWKSet,
  decodeJwt,
  generateKeyPair,
  importJWK,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { type OrderRow, readLedger } from '../loadtest/check/ledger.ts';
import type { RoomWatch } from '../loadtest/check/room-watch.ts';
import { cleanedUp } from '../testing/scope.ts';
import { until } from '../testing/until.ts';
import { call } from './support/call.ts';
import { operatorOf } from './support/operator.ts';
import { RoomVisitor } from './support/room-visitor.ts';
import { Shopper } from './support/shopper.ts';
import { useRopeline } from './support/use-ropeline.ts';
import { watchDemo } from './support/watch-demo.ts';

const ropeline = useRopeline();
const gateway = (): string => ropeline().addresses.gateway;
const ticketService = (): string => ropeline().addresses.ticket;

let watch: RoomWatch;
beforeAll(async () => {
  watch = await watchDemo(ropeline());
  return () => watch.stop();
});

describe('from the queue to a row in Postgres', () => {
  test('a visitor waits, gets in, logs in, orders and pays, and the row is there', async () => {
    const operator = operatorOf(ropeline());
    await operator.act('pause');
    const visitor = new RoomVisitor(gateway());
    expect(await visitor.join()).toMatchObject({ state: 'waiting', position: 1, ahead: 0 });
    expect(await visitor.look()).toMatchObject({ state: 'waiting', reason: 'paused' });
    expect(await visitor.ask('POST', '/claim')).toMatchObject({
      status: 409,
      body: { code: 'not-admitted' },
    });
    const refused = await call('GET', `${gateway()}/api/offers/1`);
    expect(refused).toMatchObject({
      status: 401,
      body: { code: 'entry-required', join: '/_ropeline/rooms/demo/join' },
    });

    await operator.act('resume');
    const { entryToken, expiresAt, target } = await visitor.getIn();
    expect(target).toMatch(/^\/_ropeline\/rooms\/demo\/enter\?to=/);
    expect(expiresAt).toBeGreaterThan(Date.now());

    const shopper = await Shopper.logIn(gateway(), 1, entryToken);
    const order = await shopper.order(2);
    expect(order).toMatchObject({ status: 201, body: { state: 'RESERVED', units: 2 } });
    expect(order.body['amount']).toEqual({ minor: 100_000, currency: 'KRW' });
    expect(await shopper.pay(order.body['orderId'])).toMatchObject({
      status: 200,
      body: { state: 'COMPLETED' },
    });
    const row = await until(() => completedRow(order.body['orderId']));
    expect(row).toMatchObject({ memberId: 'testuser1', quantity: 2 });
    const { payments } = await readLedger(ropeline().addresses.database, 1);
    expect(payments).toEqual([{ orderId: row.orderId, attempt: 1, state: 'paid' }]);
    expect(await shopper.see(order.body['orderId'])).toMatchObject({
      status: 200,
      body: { state: 'COMPLETED' },
    });
  });

  test('a declined payment is 402, and the units come back', async () => {
    const shopper = await Shopper.logIn(gateway(), 2, await newEntry());
    const before = await watch.stock();
    const { body } = await shopper.order(3);
    expect(await watch.stock()).toEqual({ ...before, held: before.held + 3 });
    await simulate({ declineShare: 1 });
    expect(await shopper.pay(body['orderId'])).toMatchObject({
      status: 402,
      body: { code: 'payment-declined' },
    });
    expect(await watch.stock()).toEqual(before);
    const { held, sold } = before;
    await until(async () => {
      const { body: told } = await shopper.stock();
      return told['held'] === held && told['sold'] === sold && told['available'] === 1_000 - held - sold;
    });
    expect(await shopper.see(body['orderId'])).toMatchObject({ body: { state: 'CANCELLED' } });
    expect(await shopper.pay(body['orderId'])).toMatchObject({ status: 402 });
  });

  test('an order that is asked for again with its key is taken once', async () => {
    const shopper = await Shopper.logIn(gateway(), 3, await newEntry());
    const before = await watch.stock();
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 6 }, () => shopper.order(1, key)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 201]);
    expect(new Set(answers.map(({ body }) => body['orderId'])).size).toBe(1);
    const other = await shopper.order(2, key);
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency-mismatch' } });
    expect(await watch.stock()).toEqual({ ...before, held: before.held + 1 });
    await shopper.cancel(answers[0]?.body['orderId']);
  });

  test.each([0, -1, 1.5, 2 ** 53, '1', null])(
    'a quantity of %j is refused and takes nothing',
    async (quantity) => {
      const shopper = await Shopper.logIn(ticketService(), 4, await newEntry());
      const before = await watch.stock();
      const answer = await shopper.order(quantity);
      expect(answer).toMatchObject({ status: 400, body: { code: 'bad-request' } });
      expect(await watch.stock()).toEqual(before);
    },
  );
});

describe('an entry', () => {
  test('is the key to the shop for its first member alone, and for four units', async () => {
    const entry = await newEntry();
    const first = await Shopper.logIn(gateway(), 5, entry);
    const order = await first.order(3);
    expect(order.status).toBe(201);
    const second = await Shopper.logIn(gateway(), 6, entry);
    expect(await second.order()).toMatchObject({ status: 403, body: { code: 'entry-bound' } });
    expect(await first.order(2)).toMatchObject({ status: 409, body: { code: 'limit-reached' } });
    expect(await second.pay(order.body['orderId'])).toMatchObject({ status: 404 });
    expect(await first.cancel(order.body['orderId'])).toMatchObject({
      status: 200,
      body: { state: 'CANCELLED' },
    });
  });

  test('is asked for by the ticket service itself, whatever slips past the gateway', async () => {
    const shopper = await Shopper.logIn(ticketService(), 7);
    expect(await shopper.order()).toMatchObject({ status: 401, body: { code: 'entry-required' } });
    const { body } = await shopper.with(await newEntry()).order();
    expect(body).toMatchObject({ state: 'RESERVED' });
    await shopper.cancel(body['orderId']);
  });

  test('is of no use when the session has ended; what was ordered can still be paid', async () => {
    const visitor = new RoomVisitor(gateway());
    const { entryToken } = await visitor.getIn();
    const shopper = await Shopper.logIn(gateway(), 8, entryToken);
    const { body } = await shopper.order();
    expect((await visitor.leave()).status).toBe(204);
    expect(await visitor.look()).toMatchObject({ state: 'ended' });
    for (const headers of [
      { [entryHeader]: entryToken },
      { cookie: `${entryCookie('demo')}=${entryToken}` },
    ]) {
      const answer = await call('GET', `${gateway()}/api/offers/1`, { headers });
      expect(answer).toMatchObject({ status: 401, body: { code: 'entry-required' } });
    }
    expect(await shopper.order()).toMatchObject({ status: 401 });
    expect(await shopper.pay(body['orderId'])).toMatchObject({ status: 200, body: { state: 'COMPLETED' } });
  });

  test('is a token that anybody can verify by the published keys', async () => {
    const visitor = new RoomVisitor(gateway());
    const { entryToken, expiresAt } = await visitor.getIn();
    const keys = createRemoteJWKSet(new URL(`${gateway()}/_ropeline/jwks.json`));
    const options = { algorithms: ['EdDSA'], issuer: 'ropeline', audience: 'demo', subject: visitor.id };
    const { payload } = await jwtVerify(entryToken, keys, options);
    expect(payload.jti).toMatch(new RegExp(`^${visitor.id}\\.\\d+$`));
    expect(payload['lane']).toBe('standard');
    expect(Number(payload.exp) * 1_000).toBeLessThanOrEqual(expiresAt);
    const published = await call('GET', `${gateway()}/_ropeline/jwks.json`);
    for (const key of published.body['keys'] as JWK[]) expect(Object.keys(key)).not.toContain('d');
  });

  test.each([
    ['forged by a key of their own', { key: 'their own' }],
    ['without a signature', { key: 'none' }],
    ['that has expired', { exp: -1 }],
    ['that is not valid yet', { nbf: 60 }],
    ['of another room', { aud: 'elsewhere' }],
    ['of another issuer', { iss: 'somebody' }],
  ] as const)('is not a token %s', async (_name, change) => {
    const token = await madeToken(change);
    const answer = await call('GET', `${gateway()}/api/offers/1`, { headers: { [entryHeader]: token } });
    expect(answer).toMatchObject({ status: 401, body: { code: 'entry-required' } });
    const order = await (await Shopper.logIn(ticketService(), 9)).with(token).order();
    const foreign = 'aud' in change;
    expect(order.status).toBe(foreign ? 403 : 401);
    expect(order.body['code']).toBe(foreign ? 'entry-wrong-room' : 'entry-required');
  });

  test('made in the same way but for the fault is taken', async () => {
    // Of a visitor who is inside: any other would tell the gateway that Redis has lost somebody.
    const { sub = '', jti = '' } = decodeJwt(await newEntry());
    const entry = await madeToken({ sub, jti });
    const headers = { [entryHeader]: entry };
    expect((await call('GET', `${gateway()}/api/offers/1`, { headers })).status).toBe(200);
    const shopper = (await Shopper.logIn(ticketService(), 9)).with(entry);
    const order = await shopper.order();
    expect(order.status).toBe(201);
    await shopper.cancel(order.body['orderId']);
  });
});

test('a place ticket that was forged is refused, and one more letter makes it so', async () => {
  const visitor = new RoomVisitor(gateway());
  await visitor.join();
  const bearer = (ticket: string) => ({ headers: { authorization: `Bearer ${ticket}` } });
  const at = `${gateway()}/_ropeline/rooms/demo/status`;
  expect((await call('GET', at, bearer(visitor.ticket))).status).toBe(200);
  for (const forged of [`${visitor.ticket}x`, visitor.ticket.replace('.standard.', '.priority.'), 'v1.a.b']) {
    expect(await call('GET', at, bearer(forged))).toMatchObject({
      status: 401,
      body: { code: 'bad-ticket' },
    });
  }
  expect(await call('GET', at)).toMatchObject({ status: 404, body: { code: 'no-place' } });
  await visitor.leave();
});

describe('what the parts tell of themselves', () => {
  test('the metrics of all four processes move with a sale', async () => {
    const before = await metrics();
    const shopper = await Shopper.logIn(gateway(), 10, await newEntry());
    const { body } = await shopper.order();
    await shopper.pay(body['orderId']);
    await until(() => completedRow(body['orderId']));
    await until(async () => {
      const after = await metrics();
      return moving.every((name) => sum(after, name) > sum(before, name)) && after;
    });
  });
});

/** Metrics that any sale must move. The payment simulator has none but those of its process. */
const moving = [
  'ropeline_gateway_joins_total',
  'ropeline_gateway_claims_total',
  'ropeline_gateway_proxy_duration_seconds_count',
  'ticket_order_calls_total',
  'ticket_request_duration_seconds_count',
  'ropeline_workers_rows_total',
];

async function metrics(): Promise<string> {
  const { control, ticket, workers, payment } = ropeline().addresses;
  const answers = await Promise.all(
    [control, ticket, workers, payment].map((url) => call('GET', `${url}/metrics`)),
  );
  for (const { status, text } of answers) {
    expect(status).toBe(200);
    expect(text).toContain('process_cpu_user_seconds_total ');
  }
  return answers.map(({ text }) => text).join('\n');
}

/** Over all labels. */
function sum(text: string, name: string): number {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
}

async function newEntry(): Promise<string> {
  return (await new RoomVisitor(gateway()).getIn()).entryToken;
}

async function completedRow(orderId: unknown): Promise<OrderRow | undefined> {
  const { orders } = await readLedger(ropeline().addresses.database, 1);
  return orders.find((order) => order.orderId === orderId && order.state === 'COMPLETED');
}

/** For the rest of the test. */
async function simulate(behaviour: object): Promise<void> {
  const url = `${ropeline().addresses.payment}/behaviour`;
  const { body: before } = await call('GET', url);
  cleanedUp(before, () => call('PATCH', url, { json: before }));
  expect((await call('PATCH', url, { json: behaviour })).status).toBe(200);
}

type Change = {
  readonly key?: 'their own' | 'none';
  readonly exp?: number;
  readonly nbf?: number;
  readonly aud?: string;
  readonly iss?: string;
  readonly sub?: string;
  readonly jti?: string;
};

/** A token as the gateway would sign it, by its own key unless told otherwise; times in seconds from now. */
async function madeToken({
  key,
  exp = 60,
  nbf = -1,
  aud = 'demo',
  iss = 'ropeline',
  sub = 'me',
  jti = `me.${randomUUID()}`,
}: Change): Promise<string> {
  const file = join(ropeline().dataDir, 'secrets/entry-keys.json');
  const [own] = (JSON.parse(readFileSync(file, 'utf8')) as { keys: JWK[] }).keys;
  if (own?.kid === undefined) throw new Error('no key');
  const now = Math.floor(Date.now() / 1_000);
  const claims = {
    iss,
    aud,
    sub,
    jti,
    iat: now - 1,
    nbf: now + nbf,
    exp: now + exp,
    lane: 'standard',
  };
  if (key === 'none') {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    return `${part({ alg: 'none', typ: 'JWT', kid: own.kid })}.${part(claims)}.`;
  }
  const pair =
    key === undefined ? await importJWK(own, 'EdDSA') : (await generateKeyPair('Ed25519')).privateKey;
  return new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: own.kid }).sign(pair);
}
