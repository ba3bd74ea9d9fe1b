import { createLog } from '@ropeline/core/log.ts';
import type { Status } from '@ropeline/core/protocol/status.ts';
import { connectRedis, untilReady } from '@ropeline/core/redis/connect.ts';
import { expect, test } from 'vitest';
import { startRedisSentinel } from '../../../testing/redis-sentinel.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { admissionsOf } from '../support/admissions-of.ts';
import { judgeAdmissions } from '../support/judge-admissions.ts';
import { observe } from '../support/queue-observer.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';
import { callRoom, waitingCrowd } from '../support/waiting-crowd.ts';

const windowSeconds = 600;
const admission = { ratePerMinute: 600, burst: 0, capacity: 1_000 };
const still = {
  admission: { ...admission, ratePerMinute: 0 },
  queue: { alwaysOn: true },
  claim: { windowSeconds, confirm: 'click' },
};

async function setRate({ open, room }: TestGateway, ratePerMinute: number): Promise<void> {
  const fields = [['admission.ratePerMinute', String(ratePerMinute)]] as const;
  const change = { author: 'test', action: 'patch', reason: '', expectedVersion: 0, fields };
  await open.engine.change(room.cursor, change);
}

/** SIGKILL breaks connections; SIGSTOP leaves them, and what wakes up again believes itself to be the master. */
async function failOver(signal: 'SIGKILL' | 'SIGSTOP'): Promise<void> {
  const sentinel = cleanedUp(await startRedisSentinel(), (one) => one.stop());
  const here = await startGateway({ redisUrl: sentinel.url, rules: still });
  const roomName = here.room.name;
  const there = await startGateway({ redisUrl: sentinel.url, rules: still, roomName });
  const gateways = [here, there];
  const room = { ...here.open, cursor: here.room.cursor };
  const { master, replica } = sentinel;
  const listeners = await Promise.all([master, replica].map(({ url }) => observe(url, room)));
  const heard = listeners.map((listener) => listener.heard);
  const { visitors, failures } = await waitingCrowd(gateways, 40);
  const since = Date.now();
  await setRate(here, admission.ratePerMinute);
  await until(() => visitors.filter(({ told }) => told.has('admitted')).length >= 3);

  process.kill(sentinel.master.pid, signal);
  await until(() => gateways.every(({ room }) => room.state === 'redis-away'));
  const waiting = visitors.filter(({ told }) => !told.has('admitted'));
  await until(() => waiting.every(({ told }) => told.has('redis-away')));
  const refused = await callRoom(there, '/join', 'POST');
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  const late = await until(async () => {
    const answer = await callRoom(there, '/join', 'POST');
    if (answer.status !== 201) expect(answer.status).toBe(503);
    return answer.status === 201 ? ((await answer.json()) as Status) : undefined;
  }, 60_000);
  await until(async () => (await sentinel.masterPort()) === sentinel.replica.port);
  // The old one comes back and believes to be the master until the sentinels tell it otherwise.
  if (signal === 'SIGSTOP') process.kill(sentinel.master.pid, 'SIGCONT');
  else cleanedUp(await sentinel.startMasterAgain(), (server) => server.kill());
  const old = connectRedis(sentinel.master.url, { name: 'test', log: createLog('test', 'silent') });
  cleanedUp(old, (client) => client.disconnect());
  await untilReady(old);

  // Up at once, or after the settling time.
  await until(() => gateways.every(({ room }) => room.link === 'up'), 30_000);
  await until(() => visitors.every(({ told }) => told.has('admitted')), 30_000);
  expect(failures).toEqual([]);
  const everybody = [...visitors, late].map(({ visitor }) => visitor);
  const history = await until(async () => {
    const found = await admissionsOf(here.open, here.room.cursor, heard, windowSeconds * 1_000);
    return found.count('admitted') === everybody.length && found;
  });
  history.rules(-1, since, { ...admission, serves: true });
  const admitted = history.happenings.flatMap((one) => (one.type === 'admitted' ? [one.visitor] : []));
  expect(admitted).toEqual(everybody);
  expect(judgeAdmissions(history.happenings, { mayForget: true })).toEqual([]);
  await until(async () => (await old.info('replication')).includes('role:slave'), 30_000);
  await until(() => old.status === 'ready');
  await expect(old.set('written', 'to the old one')).rejects.toThrow('READONLY');
}

test('through a fail-over by Sentinel, the master killed or hung, everybody keeps place and turn, joins get 503, and the old one serves nobody', async () => {
  await Promise.all([failOver('SIGKILL'), failOver('SIGSTOP')]);
}, 180_000);
