import { copyFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as pathOf } from 'node:path';
import { createLog } from '@ropeline/core/log.ts';
import { connectRedis, untilReady } from '@ropeline/core/redis/connect.ts';
import { expect, onTestFinished, test } from 'vitest';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import {
  admit,
  join,
  joinAndHold,
  joinByTurns,
  line,
  openTwo,
  ownRedis,
  patientRules,
  type Queue,
  recovered,
  setRules,
  settled,
} from '../support/losing-redis.ts';

function folder(): string {
  const made = mkdtempSync(pathOf(tmpdir(), 'ropeline-loss-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

async function back(queues: readonly Queue[]): Promise<void> {
  await until(() =>
    queues.every(({ open }) => open.redis.status === 'ready' && open.subscriber.status === 'ready'),
  );
  await until(() => queues.every(({ room }) => room.link !== 'away'));
}

test('killed and started again from its file Redis admits nobody for a while, and everybody stands where they stood', async () => {
  const dir = folder();
  const redis = await ownRedis({ folder: dir, appendfsync: 'everysec' });
  const [one, two] = await openTwo(redis.url, patientRules);
  const active = await joinAndHold(one);
  await admit(one, 1);
  await one.visits.claim(one.room, active.visitor);
  const waiting = await joinByTurns([one, two], 10);
  const before = await line(one);
  const { epochId, keys } = one.room.cursor;
  await redis.kill();
  await until(() => one.room.state === 'redis-away' && two.room.state === 'redis-away');
  cleanedUp(await startRedis({ folder: dir, appendfsync: 'everysec', port: redis.port }), (again) =>
    again.kill(),
  );
  await back([one, two]);
  await recovered([one, two], epochId);
  const settleUntil = Number(await one.open.redis.hget(keys.pacer, 'settleUntil'));
  await until(async () => (await line(one)).length === before.length);
  expect(await line(one)).toEqual(before);
  expect(await one.open.redis.zrange(keys.active, '0', '-1')).toEqual([active.visitor.id]);
  await admit(one, 1);
  await until(() => waiting[0]?.visitor.state === 'admitted');
  const admittedAt = Number(waiting[0]?.visitor.deadline) - patientRules.claim.windowSeconds * 1_000;
  expect(admittedAt).toBeGreaterThanOrEqual(settleUntil);
  expect(waiting.slice(1).map(({ visitor }) => visitor.state)).toEqual(waiting.slice(1).map(() => 'waiting'));
});

test('replaced by an old copy of its file Redis gets what happened since: nobody is served twice', async () => {
  const dir = folder();
  const redis = await ownRedis({ folder: dir, appendfsync: 'everysec' });
  const [one, two] = await openTwo(redis.url, patientRules);
  const [served, admitted, left, ...rest] = [
    await joinAndHold(one),
    await joinAndHold(two),
    await joinAndHold(one),
    await joinAndHold(two),
    await joinAndHold(one),
  ];
  await one.open.redis.save();
  const old = pathOf(folder(), 'dump.rdb');
  copyFileSync(pathOf(dir, 'dump.rdb'), old);
  await admit(one, 2);
  await one.visits.claim(one.room, served.visitor);
  await one.visits.leave(one.room, served.visitor.id);
  await two.visits.leave(two.room, left.visitor.id);
  await setRules(one, { 'flag.paused': '1' });
  const newest = await joinAndHold(two);
  await until(() => one.room.state === 'paused' && two.room.state === 'paused');
  const { epochId, keys } = one.room.cursor;
  await redis.kill();
  const oldFolder = folder();
  cpSync(old, pathOf(oldFolder, 'dump.rdb'));
  cleanedUp(await startRedis({ folder: oldFolder, port: redis.port }), (again) => again.kill());
  await back([one, two]);
  await recovered([one, two], epochId);
  await until(async () => (await line(one)).length === 3);
  expect(await line(one)).toEqual([...rest, newest].map(({ visitor }) => visitor.id));
  expect(await one.open.redis.zrange(keys.admitted, '0', '-1')).toEqual([admitted.visitor.id]);
  expect(await one.open.redis.zcard(keys.active)).toBe(0);
  for (const { ticket, visitor } of [served, left]) {
    expect((await join(two, ticket)).visitor.id).not.toBe(visitor.id);
  }
  await settled(one);
  expect(one.room.state).toBe('paused');
});

test('a replica that lags and becomes the master gets what it missed', async () => {
  const master = await ownRedis();
  const own = folder();
  const replica = await ownRedis({ folder: own });
  const [one, two] = await openTwo(master.url, patientRules);
  const early = await joinAndHold(one);
  const copy = cleanedUp(
    connectRedis(replica.url, { name: 'replica', log: createLog('test', 'silent') }),
    (client) => client.disconnect(),
  );
  await untilReady(copy);
  await copy.replicaof('127.0.0.1', master.port);
  const { epochId, keys } = one.room.cursor;
  await until(async () => (await copy.zcard(keys.queue('standard'))) === 1);
  await copy.replicaof('NO', 'ONE');
  // From here on the replica lags: all this is lost with the master.
  const late = await joinAndHold(two);
  await admit(two, 1);
  await until(() => early.visitor.state === 'admitted');
  await one.visits.claim(one.room, early.visitor);
  const left = await joinAndHold(one);
  await one.visits.leave(one.room, left.visitor.id);
  await copy.save();
  // The gateways have one address: the former replica goes on behind it.
  await replica.kill();
  await master.kill();
  cleanedUp(await startRedis({ folder: own, port: master.port }), (again) => again.kill());
  await back([one, two]);
  await recovered([one, two], epochId);
  await until(async () => (await line(one)).length === 1);
  expect(await line(one)).toEqual([late.visitor.id]);
  expect(await one.open.redis.zrange(keys.active, '0', '-1')).toEqual([early.visitor.id]);
  expect((await join(two, left.ticket)).visitor.id).not.toBe(left.visitor.id);
});
