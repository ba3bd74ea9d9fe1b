import { randomBytes } from 'node:crypto';
import { expect, inject, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { toFields } from '../../src/queue/rule-fields.ts';
import { defaultRules } from '../../src/queue/rules.ts';
import { admit, join, joinAndHold, openQueue, ownRedis } from '../support/losing-redis.ts';
import { type BareEngine, openEngine } from '../support/queue-observer.ts';
import { newSeed, randomFrom } from '../support/random.ts';

const fields = toFields(defaultRules);
const firstScore = 2 ** 52;
const at = (n: number): number => firstScore + n;

/** An epoch in its settling time, with these as the survivors of the queue. */
async function lostRoom(survivors: Readonly<Record<string, number>>): Promise<BareEngine> {
  const bare = await openEngine(inject('redisUrl'), uniqueRoom(), fields);
  const { engine, cursor, redis } = bare;
  for (const [visitor, score] of Object.entries(survivors))
    await redis.zadd(cursor.keys.queue('standard'), String(score), visitor);
  const { epochId, epoch, run, lanes } = cursor;
  const remembered = {
    epochId,
    epoch,
    run,
    lanes,
    version: 1,
    turn: 0,
    firstTurn: 0,
    settleMs: 10_000,
    holdMs: 0,
  };
  await engine.create(cursor.room, fields, {
    epochId: randomBytes(8).toString('hex'),
    author: 'test',
    remembered,
  });
  cursor.adopt(await engine.read(cursor.room, lanes));
  return bare;
}

async function stateOf({ redis, cursor }: BareEngine): Promise<unknown> {
  const { keys } = cursor;
  return {
    queue: await redis.zrange(keys.queue('standard'), '0', '-1'),
    away: await redis.zrange(keys.away('standard'), '0', '-1'),
    admitted: await redis.zrange(keys.admitted, '0', '-1'),
    active: await redis.zrange(keys.active, '0', '-1', 'WITHSCORES'),
    over: Object.keys(await redis.hgetall(keys.over)).sort(),
    ended: await redis.zrange(keys.ended, '0', '-1'),
    last: await redis.hget(keys.pacer, 'last:standard'),
    turn: await redis.hget(keys.pacer, 'turn'),
  };
}

test('whatever gateways put back, in whatever order and however often, the later fact wins', async () => {
  const now = Date.now();
  const soon = now + 3_600_000;
  const later = now + 7_200_000;
  // The first knows less: it heard the last turns, claims and endings no more.
  const first = [
    `s:standard:${at(4)}`,
    `m:standard:${at(4)}`,
    'n:4',
    `a:claimed:1:0:standard:${at(1)}:${soon}`,
    `c:ended:2:0:standard:${at(2)}:${later}`,
    `a:lapsed:3:0:standard:${at(3)}:${soon}`,
    `a:again:4:0:standard:${at(4)}:${soon}`,
    `x:away:standard:${at(0)}`,
  ];
  const second = [
    `s:standard:${at(6)}`,
    `m:standard:${at(6)}`,
    'n:6',
    `e:ended:2:${later}`,
    `q:lapsed:lapsed:standard:${at(3)}`,
    `q:left:left:standard:${at(7)}`,
    `c:claimed:1:0:standard:${at(1)}:${later}`,
    `w:again:4:1:standard:${at(4)}:0`,
    `a:turn:6:0:standard:${at(6)}:${soon}`,
    `x:away:standard:${at(0)}`,
  ];
  const survivors = { away: at(0), claimed: at(1), ended: at(2), served: at(5), left: at(7), waits: at(8) };
  const seed = newSeed();
  const next = randomFrom(seed);
  for (let round = 0; round < 40; round += 1) {
    const bare = await lostRoom(survivors);
    const [one, two] = [[...first], [...second]];
    const calls: Promise<void>[] = [];
    while (one.length + two.length > 0) {
      const words = (next() < 0.5 && one.length > 0) || two.length === 0 ? one : two;
      const chunk = words.splice(0, 1 + Math.floor(next() * 4));
      calls.push(bare.engine.recovery.restore(bare.cursor, chunk));
      // A call whose answer was lost is made again, before any later one.
      if (next() < 0.3) calls.push(bare.engine.recovery.restore(bare.cursor, chunk));
    }
    await Promise.all(calls);
    await bare.engine.recovery.restore(bare.cursor, second);
    expect(await stateOf(bare), `seed ${seed}, round ${round}`).toEqual({
      queue: ['waits'],
      away: ['away', 'again'],
      admitted: ['turn'],
      active: ['claimed', String(later)],
      over: ['lapsed', 'left'],
      ended: ['ended.2'],
      last: String(at(6)),
      turn: '6',
    });
  }
});

test('what a run leaves behind of places that are over stays bounded, and none of them comes back', async () => {
  const redis = await ownRedis();
  const queue = await openQueue(redis.url, {
    admission: { ratePerMinute: 60_000, capacity: 0 },
    queue: { alwaysOn: true },
  });
  const { room, open } = queue;
  const first = await join(queue);
  await queue.visits.leave(room, first.visitor.id);
  const served = await join(queue);
  const { over, away, ended } = room.cursor.keys;
  const score = served.visitor.score;
  for (let i = 0; i < 100_500; i += 1_500) {
    const old = Array.from({ length: 1_500 }, (_, at) => [`old-${i + at}`, `left:standard:${score - 2}`]);
    await open.redis.hset(over, Object.fromEntries(old));
  }
  // In parts: else Redis would be away.
  const absent = `for i = 1, 20006 do redis.call('ZADD', KEYS[1], ARGV[1] + i, 'absent-' .. ARGV[1] + i) end`;
  for (let before = 0; before < 1_000_300; before += 20_006)
    await open.redis.eval(absent, 1, away('standard'), before);
  await open.redis.zadd(ended, String(Date.now() - 1), 'long.1', String(Date.now() + 3_600_000), 'short.2');
  await joinAndHold(queue);
  await admit(queue, 1);
  await until(async () => (await open.redis.hlen(over)) <= 100_000);
  await until(async () => (await open.redis.zcard(away('standard'))) <= 1_000_000);
  expect(await open.redis.zrange(away('standard'), '0', '0')).toEqual(['absent-301']);
  await until(async () => (await open.redis.zcard(ended)) === 1);
  expect(await open.redis.zrange(ended, '0', '-1')).toEqual(['short.2']);
  await open.redis.hdel(over, first.visitor.id);
  expect((await join(queue, first.ticket)).visitor.id).not.toBe(first.visitor.id);
});
