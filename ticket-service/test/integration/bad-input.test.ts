import { connect } from 'node:net';
import { createLog } from '@ropeline/core/log.ts';
import { connectPostgres } from '@ropeline/core/postgres/connect.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AccessTokens } from '../../src/members/access-tokens.ts';
import { type Answer, bearer, call, logIn } from '../support/http.ts';
import { type RunningService, startService } from '../support/start-service.ts';

let running: RunningService;
beforeAll(async () => {
  running = await startService();
});
afterAll(() => running.stop());

/** Every table's number of rows: bad input changes none. */
async function rows(): Promise<Record<string, string>> {
  const pool = connectPostgres(running.databaseUrl, { name: 'test', log: createLog('test', 'silent') });
  try {
    const counted = await pool.query<Record<string, string>>(
      `select (select count(*) from members) as members, (select count(*) from sessions) as sessions,
              (select count(*) from orders) as orders`,
    );
    return counted.rows[0] ?? {};
  } finally {
    await pool.end();
  }
}

/** What comes back for bytes that fetch would not send, until the service closes the connection. */
async function bytesOf(text: string): Promise<string> {
  const socket = connect(Number(new URL(running.url).port), '127.0.0.1');
  socket.write(text);
  return (await socket.setEncoding('utf8').toArray()).join('');
}

function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer).toMatchObject({ status, body: { status, code, type: `urn:ropeline:problem:${code}` } });
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
}

describe('bad input gets a problem with a stable code, and changes nothing', () => {
  test.each<[string, Parameters<typeof call>[2], number, string]>([
    ['malformed JSON', { text: '{"id": "mina",' }, 400, 'bad-request'],
    ['an empty body', { text: '' }, 400, 'bad-request'],
    ['an array', { json: [] }, 400, 'bad-request'],
    ['null', { text: 'null' }, 400, 'bad-request'],
    ['wrong types', { json: { id: 1, password: true } }, 400, 'bad-request'],
    ['a missing member', { json: { id: 'testuser1' } }, 400, 'bad-request'],
    [
      'a member too many',
      { json: { id: 'testuser1', password: 'qwer1234', admin: true } },
      400,
      'bad-request',
    ],
    [
      'a poisoned prototype',
      { text: '{"id":"testuser1","password":"qwer1234","__proto__":{"a":1}}' },
      400,
      'bad-request',
    ],
    [
      'a password of a megabyte',
      { json: { id: 'testuser1', password: 'x'.repeat(1_000_000) } },
      413,
      'too-large',
    ],
    [
      'a password of 129 characters',
      { json: { id: 'testuser1', password: 'x'.repeat(129) } },
      400,
      'bad-request',
    ],
    [
      'a form',
      { text: 'id=testuser1', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'unsupported-media-type',
    ],
    [
      'an unknown content type',
      { text: '{}', headers: { 'content-type': 'application/x-nonsense' } },
      415,
      'unsupported-media-type',
    ],
    [
      'a content type that is none',
      { text: '{}', headers: { 'content-type': ';;;' } },
      415,
      'unsupported-media-type',
    ],
  ])('log-in with %s', async (_name, options, status, code) => {
    const before = await rows();
    expectProblem(await call(running, '/api/sessions', { method: 'POST', ...options }), status, code);
    expect(await rows()).toEqual(before);
  });

  test('ids with a zero byte or of no offer', async () => {
    expectProblem(
      await call(running, '/api/sessions', { json: { id: 'a\u0000b', password: 'x' } }),
      400,
      'bad-request',
    );
    expectProblem(await call(running, '/api/offers/77'), 404, 'unknown-offer');
    for (const id of ['0', '-1', '1.5', '9007199254740993', 'abc', '1%00', '1e3']) {
      expectProblem(await call(running, `/api/offers/${id}/stock`), 400, 'bad-request');
    }
  });

  test('paths and methods that are none', async () => {
    expectProblem(await call(running, '/api/nothing'), 404, 'not-found');
    expectProblem(await call(running, '/api/offers', { method: 'DELETE' }), 404, 'not-found');
  });

  test('tokens that are forged, foreign, expired or none', async () => {
    const foreign = await new AccessTokens('x'.repeat(40)).issue({
      id: 'testuser1',
      role: 'admin',
      sessionId: undefined,
    });
    const expired = await new AccessTokens(running.config.memberSecret, { ttlSeconds: -1 }).issue({
      id: 'testuser1',
      role: 'member',
      sessionId: undefined,
    });
    const good = await logIn(running);
    const [head, , signature] = good.split('.');
    const forged = [
      head,
      Buffer.from('{"sub":"host1","role":"admin"}').toString('base64url'),
      signature,
    ].join('.');
    for (const headers of [
      {},
      bearer(foreign.token),
      bearer(expired.token),
      bearer(forged),
      bearer(`${good}x`),
      { authorization: good },
      { authorization: `Basic ${good}` },
    ]) {
      expectProblem(
        await call(running, '/api/sessions', { method: 'DELETE', headers }),
        401,
        'login-required',
      );
    }
    expect((await call(running, '/api/sessions', { method: 'DELETE', headers: bearer(good) })).status).toBe(
      204,
    );
  });

  test('orders of absurd quantities, of no offer, or without a proper key', async () => {
    const before = await rows();
    const key = { 'idempotency-key': 'k-1' };
    const token = bearer(await logIn(running));
    const order = (json: unknown, headers: Record<string, string> = key) =>
      call(running, '/api/orders', { json, headers: { ...token, ...headers } });
    for (const quantity of [0, -1, 1.5, 2 ** 53, 2 ** 53 + 2, 1e300, '1', null, true, [1], {}]) {
      expectProblem(await order({ offerId: 1, quantity }), 400, 'bad-request');
    }
    for (const offerId of [0, -1, 2 ** 31, 1.5, '1']) {
      expectProblem(await order({ offerId, quantity: 1 }), 400, 'bad-request');
    }
    expectProblem(await order({ offerId: 77, quantity: 1 }), 404, 'unknown-offer');
    expectProblem(await order({ offerId: 1, quantity: 1, price: 0 }), 400, 'bad-request');
    expectProblem(await order({ offerId: 1, quantity: 1 }, {}), 400, 'idempotency-key-required');
    expectProblem(
      await order({ offerId: 1, quantity: 1 }, { 'idempotency-key': 'x'.repeat(5_000) }),
      400,
      'bad-request',
    );
    // The second is a UUID to the `uuid` format of JSON Schema, and none to Postgres.
    for (const id of ['not-an-id', `urn:uuid:${crypto.randomUUID()}`, `{${crypto.randomUUID()}}`]) {
      expectProblem(await call(running, `/api/orders/${id}`, { headers: token }), 400, 'bad-request');
    }
    expectProblem(
      await call(running, `/api/orders/${crypto.randomUUID()}`, { headers: token }),
      404,
      'unknown-order',
    );
    expect((await call(running, '/api/offers/1/stock')).body).toMatchObject({ held: 0, sold: 0 });
    // One session more, by the log-in above.
    expect(await rows()).toEqual({ ...before, sessions: String(Number(before['sessions']) + 1) });
  });

  test('headers of 32 KB', async () => {
    const headers = { 'x-long': 'x'.repeat(32_000) };
    expectProblem(await call(running, '/api/offers', { headers }), 431, 'headers-too-large');
    expect((await call(running, '/api/offers')).status).toBe(200);
  });

  test.each([
    ['no HTTP', 'NONSENSE\r\n\r\n'],
    [
      'two lengths',
      'POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
    ],
    ['a header without a name', 'GET /api/offers HTTP/1.1\r\nHost: x\r\n: nameless\r\n\r\n'],
  ])('what is no request: %s', async (_name, text) => {
    const answer = await bytesOf(text);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toMatch(/content-type: application\/problem\+json/i);
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status: 400, code: 'bad-request' });
  });
});
