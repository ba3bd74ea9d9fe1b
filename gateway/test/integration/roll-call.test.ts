import { describe, expect, inject, test } from 'vitest';
import { commitmentOf } from '../../src/queue/draw/draw-score.ts';
import { noDraw } from '../../src/queue/draw/draw-state.ts';
import { VirtualRoom } from '../support/virtual-room.ts';

/** More than two pages of the walk. */
const crowd = 1_300;
const seed = 'ab'.repeat(32);
const prequeue = { prequeueAt: VirtualRoom.begins - 1, opensAt: VirtualRoom.begins + 3_600_000 };
const lines = [
  { what: 'arrivals', differences: {} },
  {
    what: 'a pre-queue, where all have one score',
    differences: { queue: { method: 'lottery', alwaysOn: true }, schedule: prequeue },
  },
];

async function openWithCrowd(differences: object) {
  const room = await VirtualRoom.open(inject('redisUrl'), {
    queue: { alwaysOn: true },
    admission: { ratePerMinute: 0 },
    presence: { leaseSeconds: 600, graceSeconds: 60 },
    ...differences,
  });
  const { engine, cursor, redis } = room;
  await engine.draw.seal(cursor, { ...noDraw, seed, commitment: commitmentOf(seed) });
  const hold = (visitor: string): Promise<unknown> =>
    engine.mark(cursor, { visitor, lane: 0, score: 0 }, 'hold');
  await room.crowd(crowd);
  await Promise.all(Array.from({ length: crowd }, (_, i) => hold(`v${i + 1}`)));
  expect(await redis.zcard(cursor.keys.presence)).toBe(0);
  return { room, hold };
}

/** Until the walk is over; in each slot of it somebody leaves and somebody comes. */
async function walk(room: VirtualRoom): Promise<void> {
  const { engine, cursor, redis } = room;
  const isOpen = async (): Promise<boolean> => (await redis.hexists(cursor.keys.pacer, 'rollUntil')) === 1;
  for (let slot = 1; await isOpen(); slot += 1) {
    expect(slot).toBeLessThan(300);
    await room.serve(50, 'lives');
    await engine.leave(cursor, `v${3 * slot}`, 'left');
    await room.join(`later${slot}`);
  }
}

/** Who waits and has neither a socket nor a deadline. */
async function forgotten({ redis, cursor }: VirtualRoom): Promise<readonly string[]> {
  const waiting = await redis.zrange(cursor.keys.queue('standard'), '0', '-1');
  const deadlines = await redis.zmscore(cursor.keys.presence, ...waiting);
  return waiting.map(String).filter((_, i) => deadlines[i] === null);
}

test('a roll call is over when the first of a dead gateway come to their deadline, among however many others', async () => {
  const graceSeconds = 12;
  const room = await VirtualRoom.open(inject('redisUrl'), {
    queue: { alwaysOn: true },
    admission: { ratePerMinute: 0 },
    presence: { leaseSeconds: 600, graceSeconds },
  });
  const { cursor, redis } = room;
  const { keys } = cursor;
  const parts = Array.from({ length: 12 }, (_, part) =>
    Array.from({ length: 5_000 }, (_, i) => part * 5_000 + i),
  );
  for (const part of parts)
    await redis.zadd(keys.queue('standard'), ...part.flatMap((n) => [String(2 ** 52 + n), `v${n}`]));
  await room.tick('dies');
  const isOpen = async (): Promise<boolean> => (await redis.hexists(keys.pacer, 'rollUntil')) === 1;
  while (!(await isOpen())) {
    expect(room.now - VirtualRoom.begins).toBeLessThan(10_000);
    await room.serve(50, 'lives');
  }
  const called = room.now;
  const isDead = (n: number): boolean => n % 100 === 0;
  for (const part of parts)
    await redis.sadd(keys.roll, ...part.filter((n) => !isDead(n)).map((n) => `v${n}`));
  while (await isOpen()) {
    expect(room.now - called).toBeLessThan(graceSeconds * 1_000);
    await room.serve(50, 'lives');
  }
  const found = await redis.zrange(keys.presence, '0', '-1');
  expect(found.toSorted()).toEqual(
    parts
      .flat()
      .filter(isDead)
      .map((n) => `v${n}`)
      .toSorted(),
  );
  const [, first] = await redis.zrange(keys.presence, '0', '0', 'WITHSCORES');
  expect(room.now).toBeLessThanOrEqual(Number(first) + 100);
}, 60_000);

describe.each(lines)('of $what a roll call', ({ differences }) => {
  test('finds everybody whom a dead gateway held, while people come and leave', async () => {
    const { room, hold } = await openWithCrowd(differences);
    await room.tick('dies');
    const called = async (): Promise<boolean> =>
      (await room.events()).some(({ type }) => type === 'roll-call');
    do {
      await room.pass(50);
      await room.engine.tick(room.cursor, 'lives');
    } while (!(await called()));
    await Promise.all(['v1', 'v500', `v${crowd}`].map(hold));
    await walk(room);
    expect((await forgotten(room)).toSorted()).toEqual(['v1', `v${crowd}`, 'v500']);
  });

  test('after a loss finds everybody who survived it and is named by nobody', async () => {
    const { room, hold } = await openWithCrowd(differences);
    const { engine, cursor } = room;
    const { config, pacer } = await engine.read(cursor.room, cursor.lanes);
    await engine.create(cursor.room, config, {
      epochId: 'e1',
      author: 'test',
      remembered: {
        ...{ epochId: 'e0', epoch: Number(pacer.get('epoch')), run: 1, settleMs: 2_000, version: 1 },
        ...{ turn: 0, firstTurn: 0, holdMs: 0, lanes: cursor.lanes },
      },
    });
    cursor.adopt(await engine.read(cursor.room, cursor.lanes));
    await Promise.all(['v2', 'v700'].map(hold));
    await walk(room);
    expect(await forgotten(room)).toEqual(['v2', 'v700']);
  });
});
