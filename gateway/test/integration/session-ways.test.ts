import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Entry, Status } from '@ropeline/core/protocol/status.ts';
import { decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { openLive } from '../support/live-client.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';

const fast = { queue: { alwaysOn: true }, admission: { ratePerMinute: 60_000, capacity: 1 } };

/** Ends the session when it is asked for `/bye`. */
async function startUpstream(): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url === '/bye') response.setHeader('X-Ropeline-Command', 'end-session');
    response.end('ok');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanedUp(server, () => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function startTwo(rules: unknown): Promise<readonly [TestGateway, TestGateway]> {
  const upstream = await startUpstream();
  const here = await startGateway({ rules, upstream });
  const redisUrl = `redis://127.0.0.1:${here.open.redis.options.port}`;
  return [here, await startGateway({ redisUrl, roomName: here.room.name, upstream })];
}

function at(gateway: TestGateway, path: string): string {
  return `${gateway.origin}/_ropeline/rooms/${gateway.room.name}${path}`;
}

async function join(gateway: TestGateway): Promise<{ visitor: string; ticket: string }> {
  const status = (await (await fetch(at(gateway, '/join'), { method: 'POST' })).json()) as Status;
  return { visitor: status.visitor, ticket: status.place as string };
}

function bearer(ticket: string): RequestInit {
  return { headers: { authorization: `Bearer ${ticket}` } };
}

async function statusOf(gateway: TestGateway, ticket: string): Promise<Status> {
  return (await (await fetch(at(gateway, '/status'), bearer(ticket))).json()) as Status;
}

async function claim(gateway: TestGateway, ticket: string): Promise<Entry> {
  return until(async () => {
    const answer = await fetch(at(gateway, '/claim'), { method: 'POST', ...bearer(ticket) });
    return answer.status === 200 ? ((await answer.json()) as Entry) : undefined;
  });
}

async function setRule({ open, room }: TestGateway, field: string, value: string): Promise<void> {
  const change = { author: 'test', action: 'patch', reason: '', expectedVersion: 0 };
  await open.engine.change(room.cursor, { ...change, fields: [[field, value]] });
}

/** As when the time to claim is over. */
async function lapse({ open, room }: TestGateway, visitor: string): Promise<void> {
  await open.redis.zadd(room.cursor.keys.admitted, 'XX', 1, visitor);
  room.wake();
}

function use(gateway: TestGateway, entryToken: string, path = '/shop'): Promise<Response> {
  return fetch(gateway.origin + path, { headers: { 'x-ropeline-entry': entryToken } });
}

describe('a session that is ended', () => {
  const ways = {
    'by the visitor': async (gateway: TestGateway, { ticket }: { ticket: string }) => {
      const answer = await fetch(at(gateway, '/place'), { method: 'DELETE', ...bearer(ticket) });
      expect(answer.status).toBe(204);
      expect(answer.headers.getSetCookie()[0]).toMatch(/^ropeline_entry_[^=]+=;.*Max-Age=0/);
    },
    'by the operator': async ({ open, room }: TestGateway, { visitor }: { visitor: string }) => {
      expect(await open.engine.leave(room.cursor, visitor, 'revoked')).toBe(true);
    },
    'by the upstream': async (gateway: TestGateway, { entryToken }: { entryToken: string }) => {
      const answer = await use(gateway, entryToken, '/bye');
      expect(answer.status).toBe(200);
      expect(answer.headers.has('x-ropeline-command')).toBe(false);
      expect(answer.headers.get('cache-control')).toBe('private, no-store');
      expect(answer.headers.getSetCookie()[0]).toMatch(/^ropeline_entry_[^=]+=;.*Max-Age=0/);
    },
  } as const;

  test.each(Object.entries(ways))(
    '%s lets nobody in on any gateway, and the next one has the turn',
    async (_, end) => {
      const [here, there] = await startTwo(fast);
      const { visitor, ticket } = await join(here);
      const { entryToken } = await claim(here, ticket);
      const next = await join(there);
      expect((await use(here, entryToken)).status).toBe(200);
      expect((await use(there, entryToken)).status).toBe(200);
      expect((await statusOf(there, next.ticket)).state).toBe('waiting');

      await end(here, { visitor, ticket, entryToken });
      for (const gateway of [here, there])
        await until(async () => (await use(gateway, entryToken)).status === 401);
      await until(async () => (await statusOf(there, next.ticket)).state === 'admitted');
      expect((await fetch(at(there, '/claim'), { method: 'POST', ...bearer(ticket) })).status).toBe(409);
      expect(['ended', 'revoked']).toContain((await statusOf(there, ticket)).state);
      const { code } = await openLive(there.origin, there.room.name, ticket).closed;
      expect(code).toBe(4503);
    },
  );
});

test('an entry names visitor and turn, and never lives longer than its session, however often it is asked for', async () => {
  const [here, there] = await startTwo({ ...fast, session: { ttlSeconds: 600 } });
  const { visitor, ticket } = await join(here);
  const first = await claim(here, ticket);
  const { jti, sub, aud } = decodeJwt(first.entryToken);
  expect({ jti, sub, aud }).toEqual({ jti: `${visitor}.1`, sub: visitor, aud: here.room.name });
  const tokens = [first.entryToken];
  const ends = (): number => new Set(tokens.map((token) => decodeJwt(token).exp)).size;
  // Two gateways, the oldest and the newest token by turns, by claim and by use.
  const useAll = async (): Promise<void> => {
    tokens.push((await claim(there, ticket)).entryToken);
    for (const [gateway, token] of [
      [here, tokens[0]],
      [there, tokens.at(-1)],
    ] as const) {
      const renewed = (await use(gateway, token ?? '')).headers.get('x-ropeline-entry');
      if (renewed !== null) tokens.push(renewed);
    }
    const deadline = Number(await here.open.redis.zscore(here.room.cursor.keys.active, visitor));
    for (const token of tokens) {
      const claims = decodeJwt(token);
      expect(claims.jti).toBe(jti);
      expect((claims.exp ?? 0) * 1_000).toBeLessThanOrEqual(deadline);
    }
  };
  await useAll();
  expect(ends()).toBe(1);
  // Each time what is left of the session is less than half of one, as when half of it is over.
  for (const ttlSeconds of [2_000, 6_000]) {
    const renewed = ends() + 1;
    await setRule(here, 'session.ttlSeconds', String(ttlSeconds));
    await until(() => [here, there].every(({ room }) => room.rules.session.ttlSeconds === ttlSeconds));
    for (let round = 0; round < 3; round += 1) await useAll();
    expect(ends()).toBeGreaterThanOrEqual(renewed);
  }
});

test('a second chance is told: waiting again with the reason, then the turn, then that it is lost', async () => {
  const gateway = await startGateway({
    rules: { ...fast, claim: { windowSeconds: 600, lapsesAllowed: 1 } },
  });
  const capacity = (most: number): Promise<void> => setRule(gateway, 'admission.capacity', String(most));
  const { ticket, visitor } = await join(gateway);
  const client = openLive(gateway.origin, gateway.room.name, ticket);
  const turns = (): number => client.messages.filter(({ type }) => type === 'admitted').length;
  await until(() => turns() === 1);
  await capacity(0);
  await lapse(gateway, visitor);
  const again = await until(async () => {
    const status = await statusOf(gateway, ticket);
    return status.state === 'waiting' ? status : undefined;
  });
  expect(again).toMatchObject({ position: 1, reason: 'lapsed' });
  await capacity(1);
  await until(() => turns() === 2);
  await lapse(gateway, visitor);
  expect(await client.closed).toMatchObject({ code: 4503 });
  const told = client.messages.flatMap((message) =>
    message.type === 'status' ? [`${message.state} ${message.reason ?? ''}`] : [],
  );
  expect(told.slice(-4)).toEqual(['admitted ', 'waiting lapsed', 'admitted ', 'lapsed lapsed']);
  expect(turns()).toBe(2);
  expect(await statusOf(gateway, ticket)).toMatchObject({ state: 'lapsed', reason: 'lapsed' });
  const late = await fetch(at(gateway, '/claim'), { method: 'POST', ...bearer(ticket) });
  expect([late.status, ((await late.json()) as { code: string }).code]).toEqual([410, 'turn-lapsed']);
});

test('a full queue is told politely, by API and on the page, and who is in it is not disturbed', async () => {
  const gateway = await startGateway({
    rules: { queue: { alwaysOn: true, maxWaiting: 1 }, admission: { ratePerMinute: 0 } },
  });
  const { ticket } = await join(gateway);
  const refused = await fetch(at(gateway, '/join'), { method: 'POST' });
  expect(refused.status).toBe(409);
  expect(refused.headers.getSetCookie()).toEqual([]);
  expect(await refused.json()).toMatchObject({ code: 'full', title: 'The queue is full' });
  const page = await fetch(at(gateway, '/page?to=/'), {
    headers: { cookie: 'ropeline_test=1', accept: 'text/html' },
  });
  expect(await page.text()).toContain('The line is full');
  expect(await statusOf(gateway, ticket)).toMatchObject({ state: 'waiting' });
});
