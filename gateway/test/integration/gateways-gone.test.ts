import type { Entry, Status } from '@ropeline/core/protocol/status.ts';
import { expect, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { makeKeyFiles, spawnGateway, spawnGatewayBeside } from '../support/spawn-gateway.ts';
import { privateRedis } from '../support/start-gateway.ts';

/** The least that a session may be. */
const seconds = 10;
const rulesOf = (room: string): string => `rooms:
  ${room}:
    admission: { ratePerMinute: 6000, capacity: 2 }
    queue: { alwaysOn: true }
    claim: { windowSeconds: ${seconds} }
    session: { ttlSeconds: ${seconds}, renew: false }
`;

test('another gateway takes over the control port, and with all gone turns lapse, sessions end and places stand until one starts', async () => {
  const room = uniqueRoom();
  const files = makeKeyFiles();
  const env = { REDIS_URL: await privateRedis(), GATEWAYS: '2' };
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
  const { claimBy = 0 } = await until(async () => {
    const status = await statusOf(second.origin, late);
    return status.state === 'admitted' && status;
  });

  await first.kill();
  await until(async () => (await fetch(`${first.url}/health/live`)).ok);
  await second.kill();
  await until(() => Date.now() > Math.max(claimBy, entry.expiresAt), 2 * seconds * 1_000);

  const next = await spawnGateway(files, rulesOf(room), env);
  await until(async () => (await statusOf(next.origin, fourth)).state === 'admitted');
  expect((await statusOf(next.origin, third)).state).toBe('admitted');
  expect(await statusOf(next.origin, fifth)).toMatchObject({ state: 'waiting', position: 1 });
  expect((await statusOf(next.origin, inside)).state).toBe('ended');
  expect((await statusOf(next.origin, late)).state).toBe('lapsed');
  const headers = { 'x-ropeline-entry': entry.entryToken };
  expect((await fetch(`${next.origin}/anything`, { headers })).status).toBe(401);
});
