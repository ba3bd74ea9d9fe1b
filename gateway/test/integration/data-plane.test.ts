import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Entry, Status } from '@ropeline/core/protocol/status.ts';
import { request } from 'undici';
import { expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { openLive } from '../support/live-client.ts';
import { startFallibleRedis } from '../support/outage.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';

const busy = { queue: { alwaysOn: true }, admission: { ratePerMinute: 0 } };
const fast = { queue: { alwaysOn: true }, admission: { ratePerMinute: 60_000 } };

function at(gateway: TestGateway, path: string): string {
  return `${gateway.origin}/_ropeline/rooms/${gateway.room.name}${path}`;
}

async function join(
  gateway: TestGateway,
  ticket?: string,
): Promise<{ status: Status; ticket: string; code: number; cookies: string[] }> {
  const headers: Record<string, string> = ticket === undefined ? {} : { authorization: `Bearer ${ticket}` };
  const answer = await fetch(at(gateway, '/join'), { method: 'POST', headers });
  const status = (await answer.json()) as Status;
  return {
    status,
    ticket: status.place as string,
    code: answer.status,
    cookies: answer.headers.getSetCookie(),
  };
}

/** As a browser navigates: `fetch` would say `Sec-Fetch-Mode: cors`. */
async function navigate(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ code: number; location: string; cookies: string[] }> {
  const answer = await request(url, { headers: { accept: 'text/html', ...headers } });
  await answer.body.dump();
  const cookies = [answer.headers['set-cookie'] ?? []].flat();
  return { code: answer.statusCode, location: String(answer.headers['location']), cookies };
}

function bearer(ticket: string): RequestInit {
  return { headers: { authorization: `Bearer ${ticket}` } };
}

/** An upstream that says what reached it. */
async function startUpstream(answer: Record<string, string> = {}): Promise<string> {
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(answer)) response.setHeader(name, value);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ url: request.url, headers: request.headers }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanedUp(server, () => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a join is 201 with a place, the same ticket 200 with the same place, and status knows it', async () => {
  const gateway = await startGateway({ rules: busy });
  const first = await join(gateway);
  expect(first.code).toBe(201);
  expect(first.status).toMatchObject({
    room: gateway.room.name,
    state: 'waiting',
    lane: 'standard',
    position: 1,
    ahead: 0,
  });
  expect(first.cookies[0]).toContain(`Path=/_ropeline/rooms/${gateway.room.name}`);
  expect(first.cookies[0]).toContain('HttpOnly; SameSite=Lax');
  expect((await join(gateway)).status.position).toBe(2);
  const again = await join(gateway, first.ticket);
  expect(again).toMatchObject({ code: 200, status: { visitor: first.status.visitor } });
  const status = await fetch(at(gateway, '/status'), bearer(first.ticket));
  expect(status.status).toBe(200);
  const body = (await status.json()) as Status;
  expect(body).toMatchObject({ visitor: first.status.visitor, state: 'waiting' });
  expect(body.pollAfterMs).toBeLessThanOrEqual(5_000);
});

test('over the socket: status, ticks, the turn, and the entry for a claim', async () => {
  const gateway = await startGateway({ rules: busy });
  const { ticket, status } = await join(gateway);
  const client = openLive(gateway.origin, gateway.room.name, ticket);
  expect(await client.first('status')).toMatchObject({
    visitor: status.visitor,
    state: 'waiting',
    position: 1,
  });
  expect(await client.first('tick')).toMatchObject({ position: 1, ahead: 0, waiting: 1 });
  await change(gateway, 'admission.ratePerMinute', '60000');
  const { claimBy } = await client.first('admitted');
  expect(claimBy).toBeGreaterThan(Date.now());
  client.socket.send(JSON.stringify({ type: 'claim', to: '/shop?a=1' }));
  const entry = await client.first('entry');
  expect(entry.target).toBe(`/_ropeline/rooms/${gateway.room.name}/enter?to=%2Fshop%3Fa%3D1`);
  expect(client.messages.map(({ type }) => type).indexOf('admitted')).toBeLessThan(
    client.messages.map(({ type }) => type).indexOf('entry'),
  );
  const claimed = await fetch(at(gateway, '/claim'), { method: 'POST', ...bearer(ticket) });
  expect(((await claimed.json()) as Entry).expiresAt).toBe(entry.expiresAt);
  const decoded = JSON.parse(Buffer.from(entry.entryToken.split('.')[1] as string, 'base64url').toString());
  expect(decoded).toMatchObject({
    iss: 'ropeline',
    aud: gateway.room.name,
    sub: status.visitor,
    lane: 'standard',
  });
  expect(decoded.exp * 1_000).toBeLessThanOrEqual(entry.expiresAt);
});

async function change(gateway: TestGateway, field: string, value: string): Promise<void> {
  await gateway.open.engine.change(gateway.room.cursor, {
    author: 'test',
    action: 'patch',
    reason: '',
    expectedVersion: 0,
    fields: [[field, value]],
  });
}

test('the whole path: without entry to the queue, with it to the upstream, after leaving to the queue again', async () => {
  const upstream = await startUpstream();
  const gateway = await startGateway({ rules: fast, upstream });
  const page = await navigate(`${gateway.origin}/shop`);
  expect(page).toMatchObject({
    code: 302,
    location: `/_ropeline/rooms/${gateway.room.name}/page?to=%2Fshop`,
  });
  const api = await fetch(`${gateway.origin}/api/x`);
  expect(api.status).toBe(401);
  expect(await api.json()).toMatchObject({
    code: 'entry-required',
    join: `/_ropeline/rooms/${gateway.room.name}/join`,
  });

  const { ticket } = await join(gateway);
  const entry = await until(async () => {
    const claimed = await fetch(at(gateway, '/claim'), { method: 'POST', ...bearer(ticket) });
    return claimed.status === 200 ? ((await claimed.json()) as Entry) : undefined;
  });
  const cookie = `ropeline_entry_${gateway.room.name}=${entry.entryToken}; mine=1; ropeline_place=x`;
  const through = await fetch(`${gateway.origin}/api/x?y=1`, { headers: { cookie } });
  expect(through.status).toBe(200);
  const seen = (await through.json()) as { url: string; headers: Record<string, string> };
  expect(seen.url).toBe('/api/x?y=1');
  expect(seen.headers['x-ropeline-entry']).toBe(entry.entryToken);
  expect(seen.headers['cookie']).toBe('mine=1');
  expect(seen.headers['x-forwarded-for']).toBe('127.0.0.1');

  const left = await fetch(at(gateway, '/place'), { method: 'DELETE', ...bearer(ticket) });
  expect(left.status).toBe(204);
  await until(async () => (await fetch(`${gateway.origin}/api/x`, { headers: { cookie } })).status === 401);
});

test('an idle room lets a browser in through enter, once its test cookie has come back', async () => {
  const upstream = await startUpstream();
  const gateway = await startGateway({ rules: { admission: { ratePerMinute: 1_000_000 } }, upstream });
  await until(() => gateway.room.looksIdle);
  const first = await navigate(`${gateway.origin}/shop`);
  expect(first.location).toBe(`/_ropeline/rooms/${gateway.room.name}/enter?to=%2Fshop`);
  const enter = await navigate(gateway.origin + first.location);
  expect(enter.code).toBe(303);
  expect(enter.location).toContain('&c=1');
  const cookie = enter.cookies[0]?.split(';')[0] as string;
  const inside = await navigate(gateway.origin + enter.location, { cookie });

  expect(inside.location).toBe('/shop');
  const names = inside.cookies.map((text) => text.split('=')[0]);
  expect(names).toEqual(['ropeline_place', `ropeline_entry_${gateway.room.name}`]);
  expect((await navigate(gateway.origin + enter.location)).location).toContain('/page?to=');
});

test('forward-auth decides as the proxy does, in both styles', async () => {
  const gateway = await startGateway({ rules: busy, trustedProxies: ['127.0.0.1'] });
  const forwarded = {
    'x-forwarded-uri': '/shop?x=1',
    'x-forwarded-method': 'GET',
    'x-forwarded-host': 'a.test',
  };
  const caddy = await navigate(`${gateway.origin}/_ropeline/authz`, forwarded);
  expect(caddy.code).toBe(302);
  expect(caddy.location).toContain('to=%2Fshop%3Fx%3D1');
  const nginx = await navigate(`${gateway.origin}/_ropeline/authz?style=nginx`, forwarded);
  expect(nginx.code).toBe(401);
  expect(nginx.location).toContain('to=%2Fshop%3Fx%3D1');
  const api = await fetch(`${gateway.origin}/_ropeline/authz/api/y`, { method: 'POST' });
  expect(api.status).toBe(401);
});

test('forged, foreign and missing tickets are refused by code, on HTTP and on the socket', async () => {
  const gateway = await startGateway({ rules: busy });
  const other = await startGateway({ rules: busy });
  const foreign = (await join(other)).ticket;
  const { ticket } = await join(gateway);
  for (const bad of [`${ticket}x`, foreign, 'v1.a.b', '.']) {
    const status = await fetch(at(gateway, '/status'), bearer(bad));
    expect(status.status).toBe(401);
    expect(await status.json()).toMatchObject({ code: 'bad-ticket' });
  }
  expect((await fetch(at(gateway, '/status'))).status).toBe(404);
  expect((await fetch(at(gateway, '/claim'), { method: 'POST', ...bearer(ticket) })).status).toBe(409);
  expect(await openLive(gateway.origin, gateway.room.name).closed).toMatchObject({ code: 4501 });
  expect(await openLive(gateway.origin, gateway.room.name, `${ticket}x`).closed).toMatchObject({
    code: 4502,
  });
  const unknown = await fetch(`${gateway.origin}/_ropeline/rooms/nowhere/status`);
  expect(await unknown.json()).toMatchObject({ code: 'unknown-room', status: 404 });
});

test('bad bodies and foreign origins are refused and take no place', async () => {
  const gateway = await startGateway({ rules: busy });
  const post = (init: RequestInit): Promise<Response> =>
    fetch(at(gateway, '/join'), { method: 'POST', ...init });
  const json = { 'content-type': 'application/json' };
  const cases: [number, string, RequestInit][] = [
    [400, 'bad-request', { headers: json, body: '{' }],
    [400, 'bad-request', { headers: json, body: '{"lane":7}' }],
    [400, 'bad-request', { headers: json, body: '[]' }],
    [400, 'bad-request', { headers: json, body: '{"lane":"nowhere"}' }],
    [413, 'too-large', { headers: json, body: JSON.stringify({ to: 'x'.repeat(20_000) }) }],
    [415, 'unsupported-media-type', { headers: { 'content-type': 'text/xml' }, body: '<x/>' }],
    [403, 'cross-site', { headers: { origin: 'https://evil.test' } }],
    [403, 'cross-site', { headers: { 'sec-fetch-site': 'cross-site' } }],
  ];
  for (const [status, code, init] of cases) {
    const answer = await post(init);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(await answer.json()).toMatchObject({ code, status });
  }
  expect((await fetch(at(gateway, '/join'))).status).toBe(405);
  expect((await join(gateway)).status.position).toBe(1);
});

test('a killed socket keeps its place and comes back on another gateway', async () => {
  const here = await startGateway({ rules: busy });
  const first = await join(here);
  const second = await join(here);
  const client = openLive(here.origin, here.room.name, second.ticket);
  await client.first('status');
  const redisUrl = `redis://127.0.0.1:${here.open.redis.options.port}`;
  const there = await startGateway({ redisUrl, roomName: here.room.name });
  await here.plane.drain(100);
  expect(await client.closed).toMatchObject({ code: 4000 });
  const again = openLive(there.origin, there.room.name, second.ticket);
  expect(await again.first('status')).toMatchObject({
    visitor: second.status.visitor,
    state: 'waiting',
    position: 2,
  });
  expect((await join(there, first.ticket)).status).toMatchObject({
    visitor: first.status.visitor,
    position: 1,
  });
});

test('while Redis is away joins get 503, sockets stay and are told, and all goes on after it', async () => {
  const redis = await startFallibleRedis();
  const gateway = await startGateway({ rules: busy, redisUrl: redis.url });
  const { ticket, status } = await join(gateway);
  const client = openLive(gateway.origin, gateway.room.name, ticket);
  await client.first('status');
  await redis.goAway('killed');
  expect((await client.first('state')).state).toBe('redis-away');
  const refused = await fetch(at(gateway, '/join'), { method: 'POST' });
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).not.toBeNull();
  const away = await fetch(at(gateway, '/status'), bearer(ticket));
  expect(await away.json()).toMatchObject({ visitor: status.visitor, reason: 'redis-away' });
  await redis.comeBack();
  await until(() => gateway.room.link === 'up');
  const joined = await until(async () => {
    const answer = await fetch(at(gateway, '/join'), { method: 'POST' });
    return answer.status === 201 ? ((await answer.json()) as Status) : undefined;
  });
  expect(joined.position).toBe(2);
  expect(client.socket.readyState).toBe(1);
});

test('the first use in the second half of a session renews it with the same jti; a fixed session is never renewed', async () => {
  const upstream = await startUpstream();
  for (const renew of [true, false]) {
    // The session that is never renewed is waited for until it ends.
    const ttlSeconds = renew ? 600 : 10;
    const gateway = await startGateway({ rules: { ...fast, session: { ttlSeconds, renew } }, upstream });
    const { ticket } = await join(gateway);
    const entry = await until(async () => {
      const claimed = await fetch(at(gateway, '/claim'), { method: 'POST', ...bearer(ticket) });
      return claimed.status === 200 ? ((await claimed.json()) as Entry) : undefined;
    });
    const use = (): Promise<Response> =>
      fetch(`${gateway.origin}/x`, { headers: { 'x-ropeline-entry': entry.entryToken } });
    expect((await use()).headers.getSetCookie()).toEqual([]);
    // What is left of the first is less than half of one from now on.
    if (renew) await change(gateway, 'session.ttlSeconds', '3600');
    const last = await until(async () => {
      const answer = await use();
      return answer.headers.has('x-ropeline-entry') || answer.status === 401 ? answer : undefined;
    });
    expect(last.status).toBe(renew ? 200 : 401);
    if (!renew) continue;
    const claims = (token: string): { jti: string; exp: number } =>
      JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString());
    const renewed = claims(last.headers.get('x-ropeline-entry') as string);
    expect(renewed.jti).toBe(claims(entry.entryToken).jti);
    expect(renewed.exp).toBeGreaterThan(claims(entry.entryToken).exp);
    expect(last.headers.getSetCookie()[0]).toContain(`ropeline_entry_${gateway.room.name}=`);
  }
});

test('a HEAD and a prefetch of the page or the way in take no place', async () => {
  const gateway = await startGateway({ rules: busy });
  const cookie = 'ropeline_test=1';
  await fetch(at(gateway, '/page?to=/'), { method: 'HEAD', headers: { cookie } });
  await navigate(at(gateway, '/page?to=/'), { cookie, 'sec-purpose': 'prefetch' });
  await navigate(at(gateway, '/enter?to=/'), { cookie, purpose: 'prefetch' });
  expect((await join(gateway)).status.position).toBe(1);
  const page = await navigate(at(gateway, '/page?to=/'), { cookie });
  expect(page.cookies[0]).toContain('ropeline_place=');
});

test('when the last one has left, the room says at once that nobody waits', async () => {
  const gateway = await startGateway({ rules: busy });
  const { ticket } = await join(gateway);
  await until(() => gateway.room.waiting === 1);
  await fetch(at(gateway, '/place'), { method: 'DELETE', ...bearer(ticket) });
  await until(
    async () => ((await (await fetch(at(gateway, ''))).json()) as { waiting: number }).waiting === 0,
  );
});

test('a socket that floods the gateway with messages is closed, and its place is kept', async () => {
  const gateway = await startGateway({ rules: busy });
  const { ticket, status } = await join(gateway);
  const client = openLive(gateway.origin, gateway.room.name, ticket);
  await client.first('status');
  for (let i = 0; i < 50; i += 1) client.socket.send('{"type":"claim"}');
  expect(await client.closed).toMatchObject({ code: 4000 });
  expect((await join(gateway, ticket)).status).toMatchObject({ visitor: status.visitor, position: 1 });
});

test('who stands near the front is told to ask again within a second, who stands far back within five, and not all at once', async () => {
  const gateway = await startGateway({ rules: busy });
  const { redis } = gateway.open;
  const queue = gateway.room.cursor.keys.queue('standard');
  const first = await join(gateway);
  const [, score] = await redis.zrange(queue, '0', '0', 'WITHSCORES');
  const ahead = Array.from({ length: 2_500 }, (_, n) => [Number(score) + 1 + n, `v${n}`]).flat();
  await redis.zadd(queue, ...ahead);
  await redis.hincrby(gateway.room.cursor.keys.pacer, 'next', 2_500);
  const last = await join(gateway);
  expect([first, last].map(({ status }) => status.position)).toEqual([1, 2_502]);
  const told = async (ticket: string): Promise<number> =>
    ((await (await fetch(at(gateway, '/status'), bearer(ticket))).json()) as Status).pollAfterMs;
  const near = await Promise.all(Array.from({ length: 20 }, () => told(first.ticket)));
  const far = await Promise.all(Array.from({ length: 20 }, () => told(last.ticket)));
  for (const ms of near) expect(800 <= ms && ms <= 1_000, `${ms}`).toBe(true);
  for (const ms of far) expect(4_000 <= ms && ms <= 5_000, `${ms}`).toBe(true);
  expect(new Set([...near, ...far]).size).toBeGreaterThan(20);
});
