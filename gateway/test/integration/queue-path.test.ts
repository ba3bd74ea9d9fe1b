import { PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import { expect, inject, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import type { LiveRoom } from '../../src/queue/live-room.ts';
import { statusOf } from '../../src/queue/numbers/numbers.ts';
import { watch } from '../../src/queue/visitors/roster.ts';
import { type Joined, Visits } from '../../src/queue/visitors/visits.ts';
import { createRoom, openRooms } from '../support/open-rooms.ts';
import { privateRedis } from '../support/start-gateway.ts';

const visits = new Visits(new PlaceTickets(['a secret of at least thirty-two bytes']));

async function join(room: LiveRoom, ticket?: string): Promise<Joined> {
  const joined = await visits.join(room, 0, ticket);
  if (joined.refused !== undefined) throw new Error(`refused: ${joined.refused}`);
  return joined;
}

test('visitors of a busy room wait in the order in which they came and are admitted in it', async () => {
  const open = await openRooms(inject('redisUrl'));
  const room = await createRoom(open, uniqueRoom(), { admission: { ratePerMinute: 0 } });
  const joined: Joined[] = [];
  for (let i = 0; i < 20; i += 1) joined.push(await join(room));
  await until(() => room.sketches[0]?.waiting === 20);
  expect(joined.map(({ visitor }) => statusOf(room, visitor).position)).toEqual(joined.map((_, i) => i + 1));

  const order: string[] = [];
  for (const { visitor } of joined) {
    watch(visitor, {
      changed: (who) => order.push(who.id),
      tick: () => undefined,
      roomChanged: () => undefined,
      seatedAgain: () => undefined,
      sendAway: () => undefined,
    });
  }
  await open.engine.change(room.cursor, {
    author: 'test',
    action: 'patch',
    reason: '',
    expectedVersion: 0,
    fields: [['admission.ratePerMinute', '1200']],
  });
  await until(() => order.length === 20);
  expect(order).toEqual(joined.map(({ visitor }) => visitor.id));
});

test('an idle room gives the turn at once, and the next ones wait when the bucket is empty', async () => {
  const open = await openRooms(inject('redisUrl'));
  const room = await createRoom(open, uniqueRoom(), { admission: { ratePerMinute: 1 } });
  // As after a minute in which nobody came; the next token comes a minute later.
  await open.redis.hincrby(room.cursor.keys.pacer, 'filledAt', -61_000);
  const first = await join(room);
  expect(first.visitor.state).toBe('admitted');
  const claimed = await visits.claim(room, first.visitor);
  expect(claimed).toMatchObject({ claimed: true, turn: first.visitor.turn });
  expect(await visits.claim(room, first.visitor)).toEqual({ ...claimed, again: true, claimBy: 0 });
  const second = await join(room);
  expect(second.visitor.state).toBe('waiting');
  expect(await visits.claim(room, second.visitor)).toEqual({ claimed: false, why: 'not-admitted' });
});

test('a ticket gives the same place back, on another gateway too', async () => {
  const here = await openRooms(inject('redisUrl'));
  const room = await createRoom(here, uniqueRoom(), { admission: { ratePerMinute: 0 } });
  const first = await join(room);
  await join(room);
  const there = await openRooms(inject('redisUrl'));
  const same = await until(() => there.rooms.get(room.name));
  const again = await join(same, first.ticket);
  expect(again).toMatchObject({
    isNew: false,
    visitor: { id: first.visitor.id, score: first.visitor.score },
  });
  const found = await visits.find(same, first.ticket);
  expect(found.visitor?.id).toBe(first.visitor.id);
  expect(await visits.find(same, `${first.ticket}x`)).toEqual({ why: 'bad-ticket' });
});

test('a place that was left is over and does not come back', async () => {
  const open = await openRooms(inject('redisUrl'));
  const room = await createRoom(open, uniqueRoom(), { admission: { ratePerMinute: 0 } });
  const first = await join(room);
  await join(room);
  expect(await visits.leave(room, first.visitor.id)).toBe(true);
  expect(await visits.leave(room, first.visitor.id)).toBe(false);
  const again = await join(room, first.ticket);
  expect(again.visitor.id).not.toBe(first.visitor.id);
  expect(again.visitor.score).toBeGreaterThan(first.visitor.score);
  await until(() => first.visitor.state === 'left');
});

test('a turn that is not claimed lapses, and its capacity goes to the next', async () => {
  const open = await openRooms(inject('redisUrl'));
  const room = await createRoom(open, uniqueRoom(), {
    admission: { ratePerMinute: 60_000, capacity: 1 },
    queue: { alwaysOn: true },
    claim: { windowSeconds: 5 },
  });
  const first = await join(room);
  const second = await join(room);
  await until(() => first.visitor.state === 'admitted');
  expect(second.visitor.state).toBe('waiting');
  await until(() => first.visitor.state === 'lapsed');
  await until(() => second.visitor.state === 'admitted');
  expect(await visits.claim(room, first.visitor)).toEqual({ claimed: false, why: 'turn-lapsed' });
});

test('all held stops admission and keeps places; all sold ends the queue', async () => {
  const open = await openRooms(inject('redisUrl'));
  const room = await createRoom(open, uniqueRoom(), {
    admission: { ratePerMinute: 60_000 },
    queue: { alwaysOn: true },
    stock: { follow: true },
  });
  await open.engine.signal(room.cursor, { capacity: 10, held: 4, sold: 6 }, 'test');
  await until(() => room.state === 'stock-held');
  const waiting = await join(room);
  await until(() => room.sketches[0]?.waiting === 1);
  expect(statusOf(room, waiting.visitor)).toMatchObject({
    state: 'waiting',
    reason: 'stock-held',
    position: 1,
  });
  await open.engine.signal(room.cursor, { capacity: 10, held: 0, sold: 10 }, 'test');
  await until(() => waiting.visitor.state === 'rejected');
  expect(waiting.visitor.reason).toBe('sold-out');
  expect(await visits.join(room, 0, undefined)).toEqual({ refused: 'sold-out' });
  const found = await visits.find(room, waiting.ticket);
  expect(found.visitor?.state).toBe('rejected');
});

test('an emptied Redis gives the old order back and the room its rules', async () => {
  const open = await openRooms(await privateRedis());
  const room = await createRoom(open, uniqueRoom(), {
    admission: { ratePerMinute: 0 },
    queue: { maxWaiting: 7 },
  });
  const before = [await join(room), await join(room)];
  const keys = await open.redis.keys(`ropeline:{${room.name}}:*`);
  await open.redis.unlink(...keys);
  const newcomer = await join(room);
  const back = await join(room, before[1]?.ticket);
  expect(back).toMatchObject({ isNew: false, visitor: { id: before[1]?.visitor.id } });
  expect(newcomer.visitor.score).toBeGreaterThan(back.visitor.score);
  expect(room.state).toBe('recovering');
  expect(room.rules.queue.maxWaiting).toBe(7);
});
