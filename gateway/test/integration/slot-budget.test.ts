import { describe, expect, inject, test } from 'vitest';
import type { RoomEvent } from '../../src/queue/broadcast.ts';
import { VirtualRoom } from '../support/virtual-room.ts';

/** What a slot does at most of all that is due. */
const budget = 500;
const lanes = ['standard', 'priority', 'partner'].map((name) => ({ name, weight: 1 }));
const rules = { queue: { alwaysOn: true }, admission: { ratePerMinute: 0 }, lanes };
type Kind = 'ended' | 'lapsed' | 'called' | 'abandoned';

/** A room in which so much is due; who is absent stands in one lane after another, and half was called before. */
async function openWithDue(sessions: number, turns: number, absent: number, differences: object = {}) {
  const room = await VirtualRoom.open(inject('redisUrl'), { ...rules, ...differences });
  const { cursor, redis, now } = room;
  const { keys } = cursor;
  // A turn that lapses would be given on, and who lapsed would be in front again.
  await room.change([['flag.paused', '1']]);
  await room.join('first');
  const score = 2 ** 52 + cursor.epoch * 2 ** 30 + 1;
  const many = (count: number, pair: (n: number) => (string | number)[]): (string | number)[] =>
    Array.from({ length: count }, (_, n) => pair(n)).flat();
  const due = now - 1_000;
  if (sessions > 0) await redis.zadd(keys.active, ...many(sessions, (n) => [due, `s${n}`]));
  if (sessions > 0)
    await redis.hset(keys.turns, ...many(sessions, (n) => [`s${n}`, `${n + 1}:0:standard:7`]));
  if (turns > 0) await redis.zadd(keys.admitted, ...many(turns, (n) => [due, `t${n}`]));
  if (turns > 0)
    await redis.hset(keys.turns, ...many(turns, (n) => [`t${n}`, `${n + 9_000}:0:priority:${score + n}`]));
  for (const [at, { name }] of lanes.entries()) {
    const here = Math.floor(absent / lanes.length);
    const id = (n: number): string => `a${n * lanes.length + at}`;
    if (here === 0) continue;
    await redis.zadd(keys.queue(name), ...many(here, (n) => [score + 20_000 + n, id(n)]));
    await redis.zadd(keys.presence, ...many(here, (n) => [due + (n % 2), id(n)]));
  }
  return room;
}

/** How much of each kind one slot did. */
async function slot(room: VirtualRoom): Promise<Record<Kind, number>> {
  await room.pass(50);
  await room.events();
  await room.engine.tick(room.cursor, '');
  const events = await room.events();
  const of = (...types: RoomEvent['type'][]): number =>
    events.filter(({ type }) => types.includes(type)).length;
  return {
    ended: of('ended'),
    lapsed: of('lapsed', 'waits-again'),
    called: of('called'),
    abandoned: of('abandoned'),
  };
}

const sum = (done: Record<Kind, number>): number => Object.values(done).reduce((all, one) => all + one, 0);

describe('a slot of a room in which thousands of deadlines have passed', () => {
  test('does so much and no more, a share of each kind, and the next ones the rest', async () => {
    const room = await openWithDue(700, 600, 900);
    const first = await slot(room);
    expect(sum(first)).toBe(budget);
    expect(Math.min(first.ended, first.lapsed, first.called + first.abandoned)).toBeGreaterThanOrEqual(166);
    const slots = [first];
    while (sum(slots.at(-1) as Record<Kind, number>) > 0 && slots.length < 20) slots.push(await slot(room));
    const total = (kind: Kind): number => slots.reduce((all, one) => all + one[kind], 0);
    // Who is called has a second to answer.
    expect([total('ended'), total('lapsed'), total('called'), total('abandoned')]).toEqual([
      700, 600, 450, 450,
    ]);
    expect(Math.max(...slots.map(sum))).toBe(budget);
    expect(slots.filter((one) => sum(one) > 0).length).toBe(Math.ceil(2_200 / budget));
  });

  test.each([
    { due: [1_200, 0, 0], kind: 'sessions' },
    { due: [0, 1_200, 0], kind: 'turns' },
    { due: [0, 0, 1_200], kind: 'leases' },
    { due: [20, 30, 1_200], kind: 'leases beside a few of the others' },
  ])('gives what one kind does not need to the others: $kind', async ({ due }) => {
    const [sessions = 0, turns = 0, absent = 0] = due;
    const room = await openWithDue(sessions, turns, absent);
    const done = await slot(room);
    expect(sum(done)).toBe(budget);
    expect(done.ended).toBe(Math.min(sessions, budget));
    expect(done.lapsed).toBe(Math.min(turns, budget));
  });

  test('strikes everybody in the lane where they stood, with the score they had', async () => {
    const room = await openWithDue(0, 0, 900);
    const { redis, cursor } = room;
    const standing = async (where: 'queue' | 'away') => {
      const some = lanes.map(({ name }) => redis.zrange(cursor.keys[where](name), '0', '-1', 'WITHSCORES'));
      return (await Promise.all(some)).map((lane) => lane.map(String));
    };
    const before = await standing('queue');
    await room.serve(1_200);
    const [left, away] = [await standing('queue'), await standing('away')];
    expect(left.flat()).toEqual(['first', expect.any(String)]);
    expect(away).toEqual([before[0]?.slice(2), before[1], before[2]]);
  });

  test('puts who may lapse once more back in front of their lane, and they are there', async () => {
    const claim = { windowSeconds: 60, lapsesAllowed: 1 };
    const room = await openWithDue(0, 600, 300, { claim });
    const { redis, cursor } = room;
    await room.serve(200);
    const front = Array.from({ length: 600 }, (_, n) => `t${n}`);
    expect(await redis.zrange(cursor.keys.queue('priority'), '0', '599')).toEqual(front);
    const leases = await redis.zmscore(cursor.keys.presence, 't0', 't599');
    expect(leases.every((lease) => Number(lease) > room.now)).toBe(true);
    expect(await redis.hmget(cursor.keys.turns, 't0', 't599')).toEqual([
      expect.stringMatching(/^9000:1:priority:\d+$/),
      expect.stringMatching(/^9599:1:priority:\d+$/),
    ]);
  });
});
