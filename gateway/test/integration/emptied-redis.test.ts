import { createLog } from '@ropeline/core/log.ts';
import type { Entry, Status } from '@ropeline/core/protocol/status.ts';
import { connectRedis, untilReady } from '@ropeline/core/redis/connect.ts';
import { roomKeys } from '@ropeline/core/redis/room-keys.ts';
import { decodeJwt } from 'jose';
import { expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { parseBroadcast } from '../../src/queue/broadcast.ts';
import { makeKeyFiles, spawnGateway } from '../support/spawn-gateway.ts';
import { privateRedis } from '../support/start-gateway.ts';
import { callRoom, type Door, waitingCrowd } from '../support/waiting-crowd.ts';

const sockets = 2_000;
const pollers = 500;
const operator = 'the-token-of-the-operator-of-this-test';
const keys = roomKeys('event');
const rules = `rooms:
  event:
    admission: { ratePerMinute: 6000, capacity: 10000 }
    queue: { alwaysOn: true }
    claim: { windowSeconds: 600 }
    session: { ttlSeconds: 600 }
    presence: { graceSeconds: 600, leaseSeconds: 600 }
`;

async function startTwo(redisUrl: string) {
  const files = makeKeyFiles();
  const env = { REDIS_URL: redisUrl, OPERATOR_TOKEN: operator, LOG_LEVEL: 'error' };
  const first = await spawnGateway(files, rules, env);
  const second = await spawnGateway(files, rules, env);
  const doors = [first, second].map(({ origin }): Door => ({ origin, room: { name: 'event' } }));
  const operate = async (method: string, path: string, body: object): Promise<void> => {
    const answer = await fetch(`${first.url}/api/rooms/event${path}`, {
      method,
      headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(200);
  };
  return { doors: doors as [Door, Door], operate };
}

async function join(door: Door, ticket?: string): Promise<{ visitor: string; ticket: string }> {
  return until(async () => {
    const answer = await callRoom(door, '/join', 'POST', ticket);
    if (answer.status === 503) return undefined;
    const status = (await answer.json()) as Status;
    return { visitor: status.visitor, ticket: status.place as string };
  });
}

async function claim(door: Door, ticket: string): Promise<Entry> {
  return until(async () => {
    const answer = await callRoom(door, '/claim', 'POST', ticket);
    return answer.status === 200 ? ((await answer.json()) as Entry) : undefined;
  });
}

const jtiOf = ({ entryToken }: Entry): string | undefined => decodeJwt(entryToken).jti;

test('after an emptied Redis 2,000 on sockets and 500 pollers stand in the old order, newcomers behind, and what was over stays over', async () => {
  const redisUrl = await privateRedis();
  const { doors, operate } = await startTwo(redisUrl);
  const [here, there] = doors;
  const connect = () =>
    cleanedUp(connectRedis(redisUrl, { name: 'test', log: createLog('test', 'silent') }), (one) =>
      one.disconnect(),
    );
  const redis = connect();
  const listener = connect();
  await Promise.all([untilReady(redis), untilReady(listener)]);
  const inQueue = async (): Promise<string[]> =>
    (await redis.zrange(keys.queue('standard'), 0, '-1')).map(String);

  // Some are inside already, some with a turn, some are gone again.
  const early = await Promise.all(Array.from({ length: 40 }, (_, i) => join(doors[i % 2] as Door)));
  await until(async () => (await redis.zcard(keys.admitted)) === 40);
  await operate('POST', '/pause', {});
  await operate('PATCH', '', { admission: { ratePerMinute: 600 } });
  const active = early.slice(0, 10);
  const jtis = await Promise.all(active.map(async ({ ticket }) => jtiOf(await claim(here, ticket))));
  const served = early.slice(10, 15);
  for (const { ticket } of served) await claim(there, ticket);
  const gaveUp = early.slice(15, 20);
  for (const { ticket } of [...served, ...gaveUp])
    expect((await callRoom(here, '/place', 'DELETE', ticket)).status).toBe(204);
  const withTurn = early.slice(20);

  const absent = await Promise.all(Array.from({ length: 5 }, () => join(there)));
  const { visitors, failures } = await waitingCrowd(doors, sockets + pollers + 5, {
    pollsEvery: (sockets + pollers) / pollers,
    pollMs: 2_000,
  });
  // As after leases that ran out and a call that nobody answered.
  await redis.zadd(keys.presence, ...absent.flatMap(({ visitor }) => [1, visitor]));
  await until(async () => (await redis.zcard(keys.away('standard'))) === absent.length);
  const left = visitors.splice(-5);
  await until(() => visitors.every(({ told }) => told.has('waiting')));

  expect((await inQueue()).length).toBe(visitors.length + left.length);
  const failedBefore = failures.length;
  for (const { ticket } of left) expect((await callRoom(there, '/place', 'DELETE', ticket)).status).toBe(204);
  expect(failedBefore).toBe(0);

  const admissions: { readonly visitor: string; readonly at: number; readonly epochId: string }[] = [];
  listener.on('message', (_channel: string, text: string) => {
    const { events, now, epochId } = parseBroadcast(text);
    for (const event of events) {
      if (event.type === 'admitted') admissions.push({ visitor: event.visitor, at: now, epochId });
    }
  });
  await listener.subscribe(keys.tick);
  await operate('POST', '/resume', {});
  await until(() => admissions.length >= 5);
  const before = await redis
    .multi()
    .zrange(keys.queue('standard'), 0, '-1')
    .hget(keys.pacer, 'epochId')
    .flushall()
    .exec();
  const [order, epochId] = (before ?? []).map(([, answer]) => answer) as [string[], string];
  const newcomers = await Promise.all(Array.from({ length: 20 }, (_, i) => join(doors[i % 2] as Door)));

  // Everybody is back before anybody is admitted.
  const back = await until(async () => {
    const now = await inQueue();
    return now.length >= order.length + newcomers.length && now;
  });
  const epoch = await redis.hmget(keys.pacer, 'openedAt', 'settleUntil');
  const [openedAt = 0, settleUntil = 0] = epoch.map(Number);
  // Ten seconds, and more only while there is still somebody to put back.
  expect(settleUntil - openedAt).toBeGreaterThanOrEqual(10_000);
  expect(settleUntil - openedAt).toBeLessThanOrEqual(60_000);
  expect(admissions.filter((one) => one.epochId !== epochId)).toEqual([]);
  expect(back.slice(0, order.length)).toEqual(order);
  expect(back.slice(order.length).sort()).toEqual(newcomers.map(({ visitor }) => visitor).sort());

  // Who was inside is inside with the same turn, who had one has it; what was over is over.
  await until(async () => (await callRoom(here, '/claim', 'POST', active[0]?.ticket)).status === 200);
  expect(await Promise.all(active.map(async ({ ticket }) => jtiOf(await claim(there, ticket))))).toEqual(
    jtis,
  );
  for (const [i, { visitor, ticket }] of withTurn.entries())
    expect(jtiOf(await claim(doors[i % 2] as Door, ticket))).toMatch(new RegExp(`^${visitor}\\.`));
  for (const { visitor, ticket } of [...served, ...gaveUp, ...left])
    expect((await join(here, ticket)).visitor).not.toBe(visitor);
  const [returning] = absent;
  expect((await join(there, returning?.ticket)).visitor).toBe(returning?.visitor);

  // Then it goes on where it stopped, with the rules of before.
  await until(() => admissions.filter((one) => one.epochId !== epochId).length >= 20);
  const after = admissions.filter((one) => one.epochId !== epochId);
  expect(Math.min(...after.map(({ at }) => at))).toBeGreaterThanOrEqual(settleUntil);
  const ours = new Set(order);
  expect(after.flatMap(({ visitor }) => (ours.has(visitor) ? [visitor] : []))).toEqual(
    order.slice(0, after.filter(({ visitor }) => ours.has(visitor)).length),
  );
  expect(failures.filter((one) => !left.some(({ visitor }) => one.startsWith(visitor)))).toEqual([]);
});
