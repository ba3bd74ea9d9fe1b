import { PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import { expect, inject, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { CursorStale } from '../../src/queue/engine.ts';
import type { LiveRoom } from '../../src/queue/live-room.ts';
import { toFields } from '../../src/queue/rule-fields.ts';
import { defaultRules, mergeRules, type RoomRules } from '../../src/queue/rules.ts';
import { type Joined, Visits } from '../../src/queue/visitors/visits.ts';
import { createRoom, noMetrics, type OpenRooms, openRooms } from '../support/open-rooms.ts';
import { openEngine } from '../support/queue-observer.ts';
import { privateRedis } from '../support/start-gateway.ts';

// Replies and the broadcast come over two connections: which of two things that happened in order at Redis is heard
// first is chance. Here the reply is held back until the later event has been heard.

const secret = 'a secret of at least thirty-two bytes';
const fast = { queue: { alwaysOn: true }, admission: { ratePerMinute: 60_000 } };

type Bench = { readonly open: OpenRooms; readonly room: LiveRoom; readonly visits: Visits; heard: number };

async function bench(rules: unknown): Promise<Bench> {
  const made = { heard: 0, visits: new Visits(new PlaceTickets([secret])) };
  // Gateways of other tests would serve the room, too.
  const open = await openRooms(await privateRedis(), () => ({
    ...noMetrics,
    heard: (event) => {
      if (event === 'admitted') made.heard += 1;
    },
  }));
  return Object.assign(made, { open, room: await createRoom(open, uniqueRoom(), rules) });
}

/** Answers of this call of the engine are handed on only after a turn has been heard of. Resolves when one is held. */
function holdBack(bench: Bench, call: 'join' | 'lookUp'): Promise<void> {
  const held = Promise.withResolvers<void>();
  const { engine } = bench.open;
  const original = engine[call].bind(engine) as (...args: unknown[]) => Promise<unknown>;
  const heard = bench.heard;
  Object.assign(engine, {
    [call]: async (...args: unknown[]) => {
      const answer = await original(...args);
      held.resolve();
      bench.room.wake();
      await until(() => bench.heard > heard);
      return answer;
    },
  });
  return held.promise;
}

async function setRate({ open, room }: Bench, rate: number): Promise<void> {
  const fields = [['admission.ratePerMinute', String(rate)]] as const;
  const change = { author: 'test', action: 'patch', reason: '', expectedVersion: 0, fields };
  await open.engine.change(room.cursor, change);
}

test('a turn that was heard of before the answer to its join is not forgotten', async () => {
  const at = await bench(fast);
  void holdBack(at, 'join');
  const { visitor } = (await at.visits.join(at.room, 0, undefined)) as Joined;
  expect(visitor).toMatchObject({ state: 'admitted', turn: 1 });
  expect(visitor.deadline).toBeGreaterThan(Date.now());
});

test('a turn that was heard of before the answer to a look-up is not forgotten', async () => {
  const at = await bench({ ...fast, admission: { ratePerMinute: 0 } });
  const { ticket } = (await at.visits.join(at.room, 0, undefined)) as Joined;
  at.room.roster.clear();
  const held = holdBack(at, 'lookUp');
  const finding = at.visits.find(at.room, ticket);
  await held;
  await setRate(at, 60_000);
  expect((await finding).visitor).toMatchObject({ state: 'admitted', turn: 1 });
});

test('a look-up made to catch up does not take back a turn heard of meanwhile', async () => {
  const at = await bench({ ...fast, admission: { ratePerMinute: 0 } });
  const { visitor } = (await at.visits.join(at.room, 0, undefined)) as Joined;
  const held = holdBack(at, 'lookUp');
  const resync = at.room.resync();
  await held;
  await setRate(at, 60_000);
  await resync;
  expect(visitor).toMatchObject({ state: 'admitted', turn: 1 });
});

test('a call refused for an epoch that was given up meanwhile does not give up the present one', async () => {
  const at = await bench({ ...fast, admission: { ratePerMinute: 0 } });
  const { engine, redis } = at.open;
  const { cursor } = at.room;
  const before = cursor.epochId;
  const leave = engine.leave.bind(engine);
  const refused = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  let calls = 0;
  engine.leave = async (...args) => {
    calls += 1;
    if (calls > 1) return leave(...args);
    return leave(...args).catch(async (error: unknown) => {
      refused.resolve();
      await gate.promise;
      throw error;
    });
  };
  await redis.del(cursor.keys.pacer);
  const leaving = at.visits.leave(at.room, 'nobody');
  await refused.promise;
  at.room.wake();
  await until(() => cursor.epochId !== before);
  await redis.ping();
  const present = cursor.epochId;
  gate.resolve();
  expect(await leaving).toBe(false);
  expect(cursor.epochId).toBe(present);
  expect(await redis.hget(cursor.keys.pacer, 'epochId')).toBe(present);
});

test('a join that waits to be sent while lanes change is not seated in another lane', async () => {
  const lanes = [
    { name: 'standard', weight: 1 },
    { name: 'priority', weight: 1 },
  ];
  const rules = mergeRules(defaultRules, { ...fast, lanes }) as RoomRules;
  const { engine, cursor } = await openEngine(inject('redisUrl'), uniqueRoom(), toFields(rules));
  const fields = [['lanes', 'priority:1,standard:1']] as const;
  const change = { author: 'test', action: 'patch', reason: '', expectedVersion: 0, fields };
  await engine.change(cursor, change);
  const reading = await engine.read(cursor.room, ['priority', 'standard']);
  const joining = engine.join(cursor, { visitor: 'one', fresh: 'one', lane: 0, score: 0 });
  cursor.adopt(reading);
  await expect(joining).rejects.toThrow(CursorStale);
});
