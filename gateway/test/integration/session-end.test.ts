import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Entry, Status } from '@ropeline/core/protocol/status.ts';
import { expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';

const fast = { queue: { alwaysOn: true }, admission: { ratePerMinute: 60_000 } };

function at(gateway: TestGateway, path: string): string {
  return `${gateway.origin}/_ropeline/rooms/${gateway.room.name}${path}`;
}

async function startUpstream(): Promise<string> {
  const server = createServer((request, response) => {
    response.setHeader('cache-control', 'public, max-age=60');
    response.end(String(request.headers['x-original-url'] ?? 'ok'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanedUp(server, () => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function comeIn(gateway: TestGateway): Promise<{
  place: RequestInit;
  ask: () => Promise<Response>;
  use: () => Promise<number>;
}> {
  const status = (await (await fetch(at(gateway, '/join'), { method: 'POST' })).json()) as Status;
  const place = { headers: { authorization: `Bearer ${status.place}` } };
  const { entryToken } = await until(async () => {
    const claimed = await fetch(at(gateway, '/claim'), { method: 'POST', ...place });
    return claimed.status === 200 ? ((await claimed.json()) as Entry) : undefined;
  });
  const headers = { 'x-ropeline-entry': entryToken, 'x-original-url': '/admin' };
  const ask = (): Promise<Response> => fetch(`${gateway.origin}/shop`, { headers });
  return { place, ask, use: async () => (await ask()).status };
}

test('an entry of before a reset lets nobody in', async () => {
  const gateway = await startGateway({ rules: fast, upstream: await startUpstream() });
  const { use } = await comeIn(gateway);
  expect(await use()).toBe(200);
  await gateway.open.engine.reset(gateway.room.cursor, 'test', '');
  await until(() => gateway.room.cursor.run === 2);
  expect(await use()).toBe(401);
  const again = await comeIn(gateway);
  expect(await again.use()).toBe(200);
});

test('an entry that was left stays refused when sessions are made shorter', async () => {
  const gateway = await startGateway({ rules: fast, upstream: await startUpstream() });
  const { place, use } = await comeIn(gateway);
  await gateway.open.engine.change(gateway.room.cursor, {
    author: 'test',
    action: 'patch',
    reason: '',
    expectedVersion: 0,
    fields: [['session.ttlSeconds', '10']],
  });
  await until(() => gateway.room.rules.session.ttlSeconds === 10);
  expect((await fetch(at(gateway, '/place'), { method: 'DELETE', ...place })).status).toBe(204);
  await until(async () => (await use()) === 401);
  // What the gateway does every ten seconds, at a time when a session of the new length would be over.
  gateway.room.ended.forgetOld(gateway.room.cursor.now() + 60_000);
  expect(await use()).toBe(401);
});

test('an entry ends with its session by the clock of Redis, whatever the clock here says', async () => {
  const gateway = await startGateway({ rules: fast, upstream: await startUpstream() });
  const { use } = await comeIn(gateway);
  expect(await use()).toBe(200);
  const { cursor } = gateway.room;
  cursor.sawTime(Date.now() + 600_000, Date.now());
  // An answer that is still under way tells another time.
  cursor.sawTime = () => undefined;
  expect(await use()).toBe(401);
});

test('a ticket of a run that this gateway has not heard of yet keeps its place', async () => {
  const here = await startGateway({ rules: { ...fast, admission: { ratePerMinute: 0 } } });
  const redisUrl = `redis://127.0.0.1:${here.open.redis.options.port}`;
  const there = await startGateway({ redisUrl, roomName: here.room.name });
  const { engine } = there.open;
  const read = engine.read.bind(engine);
  const gate = Promise.withResolvers<void>();
  engine.read = async (...args) => {
    await gate.promise;
    return read(...args);
  };
  await here.open.engine.reset(here.room.cursor, 'test', '');
  await until(() => here.room.cursor.run === 2);
  const joined = await fetch(at(here, '/join'), { method: 'POST' });
  const { place, visitor } = (await joined.json()) as Status;
  const asked = fetch(at(there, '/status'), { headers: { authorization: `Bearer ${place}` } });
  await until(() => there.plane.server.inFlight === 1);
  gate.resolve();
  expect(await (await asked).json()).toMatchObject({ visitor, state: 'waiting' });
});

test('an answer that brings a new token is for no shared cache, whatever the site says', async () => {
  const gateway = await startGateway({ rules: fast, upstream: await startUpstream() });
  const { ask } = await comeIn(gateway);
  const plain = await ask();
  expect(plain.headers.get('cache-control')).toBe('public, max-age=60');
  // What is left of the session is less than half of one from now on.
  await gateway.open.engine.change(gateway.room.cursor, {
    ...{ author: 'test', action: 'patch', reason: '', expectedVersion: 0 },
    fields: [['session.ttlSeconds', '3600']],
  });
  const renewed = await until(async () => {
    const answer = await ask();
    return answer.headers.has('x-ropeline-entry') ? answer : undefined;
  });
  expect(renewed.headers.get('cache-control')).toBe('private, no-store');
});

test('the site is not told of another path than the one that was judged', async () => {
  const gateway = await startGateway({ rules: fast, upstream: await startUpstream() });
  const { ask } = await comeIn(gateway);
  expect(await (await ask()).text()).toBe('ok');
});
