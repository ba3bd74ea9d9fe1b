import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@ropeline/core/log.ts';
import { connectPostgres } from '@ropeline/core/postgres/connect.ts';
import { connectRedis, untilReady } from '@ropeline/core/redis/connect.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPostgres } from '../../../scripts/services/postgres-server.ts';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { OfferCatalog } from '../../src/offers/offer-catalog.ts';
import { bearer, call, logIn } from '../support/http.ts';
import { type RunningService, startService } from '../support/start-service.ts';

let running: RunningService;
beforeAll(async () => {
  running = await startService({
    env: { TRUSTED_PROXIES: '127.0.0.1', LOGINS_PER_MINUTE: '3', METRICS_TOKEN: 'a token for the metrics' },
  });
});
afterAll(() => running.stop());

const from = (address: string) => ({ 'x-forwarded-for': address });
const enter = (headers: Record<string, string>) =>
  call(running, '/api/sessions', { json: { id: 'testuser1', password: 'qwer1234' }, headers });

test('probes say that the service lives and is ready', async () => {
  expect((await call(running, '/health/live')).status).toBe(200);
  await until(async () => (await call(running, '/health/ready')).status === 200);
});

test('metrics ask for their token and count what happened', async () => {
  expect((await call(running, '/metrics')).status).toBe(401);
  await call(running, '/api/offers/77');
  const response = await fetch(`${running.url}/metrics`, {
    headers: { authorization: 'Bearer a token for the metrics' },
  });
  const text = await response.text();
  expect(text).toMatch(/ticket_refusals_total\{code="unknown-offer"\} 1/);
  expect(text).toMatch(/ticket_request_duration_seconds_count\{route="\/api\/offers\/:id",status="4xx"\} 1/);
  expect(text).toMatch(/ticket_stock_units\{offer="1",kind="capacity"\} 1000/);
});

test('the description names every route of the API, with the problems that it answers', async () => {
  const { body } = await call(running, '/openapi.json');
  const paths = body['paths'] as Record<string, Record<string, { responses: object; summary?: string }>>;
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining([
      '/api/members',
      '/api/sessions',
      '/api/sessions/refresh',
      '/api/offers',
      '/api/offers/{id}/stock',
    ]),
  );
  expect(Object.keys(paths['/api/sessions']?.['post']?.responses ?? {})).toEqual([
    '200',
    '400',
    '401',
    '429',
    '503',
  ]);
  expect((await fetch(`${running.url}/docs`)).status).toBe(200);
});

describe('limits per address', () => {
  test('count what a trusted proxy forwards, each address by itself, and not this machine', async () => {
    for (let time = 0; time < 3; time += 1) expect((await enter(from('203.0.113.7'))).status).toBe(200);
    const { status, body, headers } = await enter(from('203.0.113.7'));
    expect({ status, code: body['code'] }).toEqual({ status: 429, code: 'too-many-requests' });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await enter(from('203.0.113.8'))).status).toBe(200);
    for (let time = 0; time < 5; time += 1) expect((await enter({})).status).toBe(200);
  });
});

test('without Redis it says so, refuses log-ins for the moment, and comes back by itself', async () => {
  const redis = await startRedis();
  const service = cleanedUp(await startService({ redisUrl: redis.url }), (made) => made.stop());
  await until(async () => (await call(service, '/health/ready')).status === 200);
  await redis.stop();
  await until(async () => (await call(service, '/health/ready')).status === 503);
  const refused = await call(service, '/api/sessions', { json: { id: 'testuser1', password: 'qwer1234' } });
  expect({ status: refused.status, code: refused.body['code'] }).toEqual({
    status: 503,
    code: 'unavailable',
  });
  expect(refused.headers.get('retry-after')).toBe('1');
  cleanedUp(await startRedis({ port: redis.port }), (made) => made.stop());
  await until(async () => (await call(service, '/health/ready')).status === 200);
  expect(
    (await call(service, '/api/sessions', { json: { id: 'testuser1', password: 'qwer1234' } })).status,
  ).toBe(200);
});

test('while Redis takes no writes nothing is sold or moved, and clients are told to come back', async () => {
  const redis = cleanedUp(await startRedis(), (made) => made.stop());
  const service = cleanedUp(await startService({ redisUrl: redis.url }), (made) => made.stop());
  const client = cleanedUp(
    connectRedis(redis.url, { name: 'test', log: createLog('test', 'silent') }),
    (made) => made.disconnect(),
  );
  await untilReady(client);
  const token = await logIn(service);
  const order = (key: string) =>
    call(service, '/api/orders', {
      json: { offerId: 1, quantity: 1 },
      headers: { ...bearer(token), 'idempotency-key': key },
    });
  const { orderId } = (await order('k1')).body;
  const cancel = () =>
    call(service, `/api/orders/${orderId}/cancel`, { method: 'POST', headers: bearer(token) });
  // As a full disk does (MISCONF), only quicker to arrange.
  await client.config('SET', 'min-replicas-to-write', '1');
  for (const answer of [await order('k2'), await cancel()]) {
    expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(answer.headers.get('retry-after')).toBe('1');
  }
  await client.config('SET', 'min-replicas-to-write', '0');
  expect(await cancel()).toMatchObject({ status: 200, body: { state: 'CANCELLED' } });
});

test('says when it sells on a Redis that may lose what it answered', async () => {
  expect((await call(running, '/health/ready')).body).toEqual({ status: 'ok', durability: 'relaxed' });
  const response = await fetch(`${running.url}/metrics`, {
    headers: { authorization: 'Bearer a token for the metrics' },
  });
  expect(await response.text()).toMatch(/ticket_stock_durability_relaxed 1/);
});

test('an offer whose stock could not be prepared is tried again', async () => {
  const pool = cleanedUp(
    connectPostgres(running.databaseUrl, { name: 'test', log: createLog('test', 'silent') }),
    (made) => made.end(),
  );
  let tries = 0;
  const catalog = new OfferCatalog(pool, createLog('test', 'silent'), async () => {
    tries += 1;
    if (tries === 1) throw new Error('Redis did not answer');
  });
  await catalog.start();
  catalog.stop();
  await pool.query(
    `insert into offers (offer_id, kind, title, capacity, price_minor, currency) values (3, 'pool', 'New', 3, 1, 'EUR')`,
  );
  await catalog.refresh();
  expect(catalog.onSale(3).title).toBe('New');
  await catalog.refresh();
  await catalog.refresh();
  expect(tries).toBe(2);
});

test('without Postgres log-ins are told to come back, and work again when it is back', async () => {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-test-')), (made) =>
    rmSync(made, { recursive: true, force: true }),
  );
  const postgres = await startPostgres({ folder });
  const service = cleanedUp(await startService({ databaseUrl: postgres.url }), (made) => made.stop());
  await postgres.kill();
  const enterIt = () => call(service, '/api/sessions', { json: { id: 'testuser1', password: 'qwer1234' } });
  expect(await enterIt()).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  expect((await call(service, '/api/offers/1')).status).toBe(200);
  expect((await call(service, '/health/ready')).status).toBe(503);
  cleanedUp(await startPostgres({ folder, port: postgres.port }), (made) => made.stop());
  await until(async () => (await enterIt()).status === 200);
});

test('an offer that is added while the service runs can be bought', async () => {
  const pool = cleanedUp(
    connectPostgres(running.databaseUrl, { name: 'test', log: createLog('test', 'silent') }),
    (made) => made.end(),
  );
  await pool.query(
    `insert into offers (offer_id, kind, title, capacity, price_minor, currency) values (2, 'pool', 'New', 3, 100, 'EUR')`,
  );
  const token = await logIn(running);
  const order = await until(async () => {
    const { status, body } = await call(running, '/api/orders', {
      json: { offerId: 2, quantity: 3 },
      headers: { ...bearer(token), 'idempotency-key': 'new' },
    });
    return status === 201 && body;
  }, 15_000);
  expect(order['amount']).toEqual({ minor: 300, currency: 'EUR' });
});
