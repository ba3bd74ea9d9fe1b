import { expect, inject, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import type { Entered } from '../../src/queue/engine.ts';
import { toFields } from '../../src/queue/rule-fields.ts';
import { defaultRules, mergeRules, type RoomRules } from '../../src/queue/rules.ts';
import { type BareEngine, openEngine } from '../support/queue-observer.ts';

const own = 2 ** 50 + 2 ** 32;

async function room(differences: unknown = {}): Promise<BareEngine> {
  const rules = mergeRules(defaultRules, {
    queue: { alwaysOn: true },
    admission: { ratePerMinute: 0 },
    ...(differences as object),
  });
  return openEngine(inject('redisUrl'), uniqueRoom(), toFields(rules as RoomRules));
}

async function wait({ engine, cursor }: BareEngine, visitor: string): Promise<number> {
  const joined = await engine.join(cursor, { visitor, lane: 0, score: 0, fresh: `${visitor}-fresh` });
  if (joined.refused !== undefined) throw new Error(joined.refused);
  return joined.score;
}

function entry(visitor: string, score: number, n: number, more: Partial<Entered> = {}): Entered {
  const deadline = Date.now() + 60_000;
  return { visitor, lane: 0, score, turn: own + n, deadline, stage: 'session', ...more };
}

async function counts({ redis, engine, cursor }: BareEngine) {
  const { admitted, active, lanes } = await engine.read(cursor.room, cursor.lanes);
  const [turn, joined, claimed, bucket] = await redis.hmget(
    cursor.keys.pacer,
    ...['turn', 'joined', 'claimed', 'bucket'],
  );
  const numbers = { turn: Number(turn ?? 0), joined: Number(joined ?? 0), claimed: Number(claimed ?? 0) };
  return { admitted, active, waiting: lanes[0]?.waiting, ...numbers, bucket: Number(bucket) };
}

test('told again, or by two gateways at once, is entered once', async () => {
  const bare = await room();
  const { engine, cursor } = bare;
  const scores = [await wait(bare, 'a'), await wait(bare, 'b'), await wait(bare, 'c')];
  const [a = 0, b = 0, c = 0] = scores;
  const told = [
    entry('a', a, 1),
    entry('b', b, 2, { stage: 'turn' }),
    entry('new', c + 2 ** 25, 3),
    entry('come', c + 2 ** 25 + 1, 0, { stage: 'place', turn: 0, deadline: 0 }),
  ];
  await Promise.all([engine.enter(cursor, 1, told), engine.enter(cursor, 1, told)]);
  await engine.enter(cursor, 1, told);
  expect(await counts(bare)).toMatchObject({
    ...{ admitted: 1, active: 2, waiting: 2, turn: 3, joined: 5, claimed: 2 },
  });
  const found = await Promise.all(
    ['a', 'b', 'c', 'come'].map((visitor) => engine.lookUp(cursor, { visitor, lane: 0, score: a })),
  );
  expect(found.map(({ state, rank }) => [state, rank])).toEqual([
    ['active', 0],
    ['admitted', 0],
    ['waiting', 0],
    ['waiting', 1],
  ]);
  expect(await engine.claim(cursor, 'b')).toMatchObject({ claimed: true, turn: own + 2 });
  expect(await engine.renew(cursor, 'a', own + 1)).toBeGreaterThan(Date.now());
  // Who comes after Redis is back stands behind those who came while it was away.
  const late = await wait(bare, 'late');
  expect(late).toBeGreaterThan(c + 2 ** 25 + 1);
});

test('takes its tokens from the bucket, which owes at most as much as it may keep', async () => {
  const bare = await room({ admission: { ratePerMinute: 600, burst: 5 } });
  const { redis, engine, cursor } = bare;
  await redis.hset(cursor.keys.pacer, 'bucket', '4', 'filledAt', String(Date.now() + 3_600_000));
  await engine.enter(cursor, 1, [entry('a', 1, 1), entry('b', 2, 2)]);
  expect((await counts(bare)).bucket).toBeCloseTo(2, 5);
  const many = Array.from({ length: 40 }, (_, i) => entry(`v${i}`, 10 + i, 10 + i));
  await redis.hset(cursor.keys.pacer, 'filledAt', String(Date.now() + 3_600_000));
  await engine.enter(cursor, 1, many);
  expect((await counts(bare)).bucket).toBe(-5);
});

test('the session of a turn that Redis gave takes no second token, also when the gateway opened it', async () => {
  const bare = await room({ admission: { ratePerMinute: 60_000, burst: 10 } });
  const { redis, engine, cursor } = bare;
  const score = await wait(bare, 'a');
  await redis.hset(cursor.keys.pacer, 'bucket', '10');
  await engine.tick(cursor, '');
  const turn = await engine.lookUp(cursor, { visitor: 'a', lane: 0, score });
  expect(turn).toMatchObject({ state: 'admitted', turn: 1 });
  await redis.hset(cursor.keys.pacer, 'bucket', '3', 'filledAt', String(Date.now() + 3_600_000));
  await engine.enter(cursor, 1, [entry('a', score, 0, { turn: 1 })]);
  expect(await counts(bare)).toMatchObject({ admitted: 0, active: 1, turn: 1, claimed: 1, bucket: 3 });
});

test('of an earlier run, or of who left or was revoked meanwhile, nothing is entered', async () => {
  const bare = await room();
  const { engine, cursor } = bare;
  const [a, b] = [await wait(bare, 'a'), await wait(bare, 'b')];
  await engine.leave(cursor, 'a', 'left');
  await engine.leave(cursor, 'b', 'revoked');
  await engine.enter(cursor, 1, [entry('a', a, 1), entry('b', b, 2)]);
  await engine.enter(cursor, 0, [entry('c', b + 1, 3), entry('d', b + 2, 4, { stage: 'place' })]);
  expect(await counts(bare)).toMatchObject({ admitted: 0, active: 0, waiting: 0, turn: 0 });
});

test('a place that was let in out of turn is over for good when its session has ended', async () => {
  const bare = await room();
  const { engine, cursor } = bare;
  const [a] = [await wait(bare, 'a'), await wait(bare, 'b')];
  await engine.enter(cursor, 1, [entry('b', a + 1, 1, { deadline: Date.now() - 1 })]);
  await engine.tick(cursor, '');
  expect((await engine.lookUp(cursor, { visitor: 'b', lane: 0, score: a + 1 })).state).toBe('ended');
  expect(await engine.seat(cursor, { visitor: 'b', lane: 0, score: a + 1 })).toBeUndefined();
  expect(await counts(bare)).toMatchObject({ active: 0, waiting: 1 });
});
