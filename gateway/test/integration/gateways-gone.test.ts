import { createLog } from '@ropeline/core/log.ts';
import type { Entry, Status } from '@ropeline/core/protocol/status.ts';
import { connectRedis, untilReady } from '@ropeline/core/redis/connect.ts';
import { roomKeys } from '@ropeline/core/redis/room-keys.ts';
import { expect, test } from 'vitest';
import { cleanedUp, uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { makeKeyFiles, spawnGateway, spawnGatewayBeside } from '../support/spawn-gateway.ts';
import { privateRedis } from '../support/start-gateway.ts';

const rulesOf = (room: string): string => `rooms:
  ${room}:
    admission: { ratePerMinute: 6000, capacity: 2 }
    queue: { alwaysOn: true }
    claim: { windowSeconds: 600 }
    session: { ttlSeconds: 10, renew: false }
    presence: { graceSeconds: 600, leaseSeconds: 600 }
`;

test('another gateway takes over the control port, and with all gone turns lapse, sessions end and places stand until one starts', async () => {
  const room = uniqueRoom();
  const files = makeKeyFiles();
  const redisUrl = await privateRedis();
  const env = { REDIS_URL: redisUrl, GATEWAYS: '2' };
  const first = await spawnGateway(files, rulesOf(room), env);
  const second = await spawnGatewayBeside(first, files, env);
  const call = async <T>(origin: string, path: string, method = 'GET', ticket = ''): Promise<T> => {
    const headers = ticket === '' ? {} : { authorization: `Bearer ${ticket}` };
    return (await (await fetch(`${origin}/_ropeline/rooms/${room}${path}`, { method, headers })).json()) as T;
  };
  const statusOf = (origin: string, { place }: Status): Promise<Status> =>
    call<Status>(origin, '/status', 'GET', place);

  const crowd: Status[] = [];
  for (let i = 0; i < 5; i += 1) crowd.push(await call<Status>(first.origin, '/join', 'POST'));
  const [inside, late, third, fourth, fifth] = crowd as [Status, Status, Status, Status, Status];
  const entry = await until(async () => {
    const claimed = await call<Partial<Entry>>(first.origin, '/claim', 'POST', inside.place);
    return claimed.entryToken !== undefined && (claimed as Entry);
  });
  await until(async () => (await statusOf(second.origin, late)).state === 'admitted');

  await first.kill();
  await until(async () => (await fetch(`${first.url}/health/live`)).ok);
  await second.kill();
  await until(() => Date.now() > entry.expiresAt);
  // As if the time to claim were over, too.
  const redis = connectRedis(redisUrl, { name: 'test', log: createLog('test', 'silent') });
  cleanedUp(redis, (client) => client.disconnect());
  await untilReady(redis);
  expect(await redis.zadd(roomKeys(room).admitted, 'XX', 'CH', 1, late.visitor)).toBe(1);

  const next = await spawnGateway(files, rulesOf(room), env);
  await until(async () => (await statusOf(next.origin, fourth)).state === 'admitted');
  expect((await statusOf(next.origin, third)).state).toBe('admitted');
  expect(await statusOf(next.origin, fifth)).toMatchObject({ state: 'waiting', position: 1 });
  expect((await statusOf(next.origin, inside)).state).toBe('ended');
  expect((await statusOf(next.origin, late)).state).toBe('lapsed');
  const headers = { 'x-ropeline-entry': entry.entryToken };
  expect((await fetch(`${next.origin}/anything`, { headers })).status).toBe(401);
});
