import { randomBytes } from 'node:crypto';
import { expect, inject, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { join, line, openQueue, ownRedis, recovered, setRules } from '../support/losing-redis.ts';
import { createRoom, openRooms } from '../support/open-rooms.ts';
import { openEngine } from '../support/queue-observer.ts';
import { VirtualRoom } from '../support/virtual-room.ts';

const settleMs = 10_000;
/** So long a gateway that is putting places back is waited for after its last call, and all of them from the loss. */
const waitedForMs = 5_000;
const longestMs = 60_000;

const rules = {
  queue: { alwaysOn: true },
  admission: { ratePerMinute: 60_000, burst: 100 },
  claim: { windowSeconds: 7 },
  presence: { leaseSeconds: 600, graceSeconds: 600 },
};

/** A room in an epoch that was opened in place of a lost one, at this moment; `places` as gateways remember them. */
async function lostRoom(places: number) {
  const room = await VirtualRoom.open(inject('redisUrl'), rules);
  const { engine, cursor, redis } = room;
  const scores: number[] = [];
  for (let i = 0; i < places; i += 1) scores.push((await room.join(`old${i}`)).score);
  const { config } = await engine.read(cursor.room, cursor.lanes);
  const { epochId, epoch, lanes } = cursor;
  await redis.del(cursor.keys.queue('standard'), cursor.keys.presence);
  await engine.create(cursor.room, config, {
    epochId: 'e1',
    author: 'test',
    remembered: {
      ...{ epochId, epoch, lanes, run: 1, version: 1, turn: 0, firstTurn: 0, settleMs, holdMs: 0 },
    },
  });
  cursor.adopt(await engine.read(cursor.room, lanes));
  const putBack = (i: number): Promise<void> =>
    engine.recovery.restore(cursor, [`x:old${i}:standard:${scores[i]}`]);
  return { room, scores, putBack };
}

test('while a gateway still puts places back nobody is admitted, and then the old ones before who came meanwhile', async () => {
  const seconds = 30;
  const { room, scores, putBack } = await lostRoom(seconds);
  for (let i = 0; i < seconds; i += 1) {
    await room.join(`new${i}`);
    await putBack(i);
    expect(await room.serve(1_000)).toEqual([]);
  }
  expect(room.now).toBe(VirtualRoom.begins + 3 * settleMs);
  for (const [i, score] of scores.entries())
    expect(await room.join(`old${i}`, 0, score)).toMatchObject({ visitor: `old${i}`, isNew: false, score });
  expect(await room.serve(waitedForMs)).toEqual(
    ['old', 'new'].flatMap((who) => Array.from({ length: seconds }, (_, i) => `${who}${i}`)),
  );
});

test('a gateway that dies while it puts places back is waited for no longer than five seconds', async () => {
  const { room, putBack } = await lostRoom(12);
  await room.join('new');
  for (let i = 0; i < 12; i += 1) {
    await putBack(i);
    expect(await room.serve(1_000)).toEqual([]);
  }
  expect(await room.serve(waitedForMs - 1_000)).toEqual(['new']);
  expect(room.now).toBeGreaterThan(VirtualRoom.begins + settleMs);
});

test('nobody waits longer than a minute for a gateway that never ends putting back', async () => {
  const { room, putBack } = await lostRoom(1);
  await room.join('new');
  const admitted: string[] = [];
  for (let second = 0; second < longestMs / 1_000; second += 1) {
    expect(admitted).toEqual([]);
    await putBack(0);
    admitted.push(...(await room.serve(1_000)));
  }
  expect(admitted).toEqual(['new']);
});

test('a turn that was put back keeps its claim window until the settling time is over, however long that is', async () => {
  const { room, putBack } = await lostRoom(40);
  const { engine, cursor } = room;
  const deadline = room.now + 7_000;
  await engine.recovery.restore(cursor, [`a:turn:1:0:standard:${2 ** 52}:${deadline}`]);
  for (let i = 0; i < 40; i += 1) {
    await putBack(i);
    await room.serve(1_000);
  }
  await room.serve(waitedForMs);
  expect(await engine.claim(cursor, 'turn')).toMatchObject({ claimed: true, turn: 1 });
});

test('a gateway that has put everything back knows that another has not: the room goes on recovering', async () => {
  const url = inject('redisUrl');
  const open = await openRooms(url);
  const room = await createRoom(open, uniqueRoom(), rules);
  const bare = await openEngine(url, room.name, new Map());
  const { engine, cursor } = bare;
  const { epochId, epoch, run, lanes } = cursor;
  const { config } = await engine.read(cursor.room, lanes);
  await engine.create(cursor.room, config, {
    epochId: randomBytes(8).toString('hex'),
    author: 'test',
    remembered: { epochId, epoch, run, lanes, version: 1, turn: 0, firstTurn: 0, settleMs: 8_000, holdMs: 0 },
  });
  cursor.adopt(await engine.read(cursor.room, lanes));
  await room.refresh();
  const first = room.recoversAt ?? 0;
  expect(first).toBeGreaterThan(0);
  await until(async () => {
    await engine.recovery.restore(cursor, []);
    return (room.recoversAt ?? 0) > first;
  });
  await until(async () => {
    await engine.recovery.restore(cursor, []);
    return room.cursor.now() > first && room.state === 'recovering';
  });
  await until(() => room.state === 'open');
}, 90_000);

test('a gateway with many visitors says between some hundred of them that it has not seated all again', async () => {
  const queue = await openQueue((await ownRedis()).url, rules);
  const { room, open } = queue;
  await setRules(queue, { 'flag.paused': '1' });
  await Promise.all(Array.from({ length: 1_600 }, () => join(queue)));
  const calls: string[] = [];
  const { engine } = open;
  const seat = engine.seat.bind(engine);
  const restore = engine.recovery.restore.bind(engine.recovery);
  engine.seat = (...args) => {
    if (calls.at(-1) !== 'seats') calls.push('seats');
    return seat(...args);
  };
  engine.recovery.restore = (cursor, words) => {
    calls.push(words.length === 0 ? 'not all yet' : 'memory');
    return restore(cursor, words);
  };
  const { epochId } = room.cursor;
  await open.redis.flushall();
  room.wake();
  await recovered([queue], epochId);
  const part = ['seats', 'not all yet'];
  // What a busy machine has failed at is begun anew.
  const last = calls.slice(calls.lastIndexOf('memory'));
  expect(last).toEqual(['memory', ...part, ...part, ...part, 'seats']);
  expect((await line(queue)).length).toBe(1_600);
});
