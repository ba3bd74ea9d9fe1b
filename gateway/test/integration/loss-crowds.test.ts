import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import type { Entered } from '../../src/queue/engine.ts';
import { newVisitorId } from '../../src/queue/visitors/visitor-id.ts';
import type { Joined } from '../../src/queue/visitors/visits.ts';
import {
  admit,
  join,
  line,
  openQueue,
  ownRedis,
  type Queue,
  recovered,
  setRules,
  strike,
} from '../support/losing-redis.ts';

/** More than two pages of whatever is read or put back page by page. */
const crowd = 1_200;

const rules = {
  admission: { ratePerMinute: 60_000, capacity: 0 },
  queue: { alwaysOn: true },
  claim: { windowSeconds: 600 },
  presence: { graceSeconds: 300, leaseSeconds: 300 },
};

function joinMany(queue: Queue): Promise<Joined[]> {
  return Promise.all(Array.from({ length: crowd }, () => join(queue)));
}

const idsOf = (all: readonly Joined[]): string[] => all.map(({ visitor }) => visitor.id);

/** As after the time of all sessions. */
async function expire({ open, room }: Queue): Promise<void> {
  const { active } = room.cursor.keys;
  await open.redis.zunionstore(active, 1, active, 'WEIGHTS', '0.5');
  room.wake();
  await until(async () => (await open.redis.zcard(active)) === 0);
}

/** Its memory goes with it; what is left is in Redis alone. */
function kill({ open }: Queue): void {
  void open.rooms.stop();
  open.redis.disconnect();
  open.subscriber.disconnect();
}

/** Another gateway, as soon as it has read so many facts of the room. */
async function openLater(url: string, name: string, facts: number): Promise<Queue> {
  const queue = await openQueue(url, {}, name);
  const { record } = queue.room.recovery;
  await until(() => [...record.words(false)].filter((word) => /^[acwxqe]/.test(word)).length >= facts);
  return queue;
}

async function lose({ open, room }: Queue): Promise<void> {
  const { epochId } = room.cursor;
  await open.redis.flushall();
  room.wake();
  await recovered([{ open, room } as Queue], epochId);
}

test('1,200 who were away, were passed and came back keep their places though the gateway started since and Redis is emptied', async () => {
  const { url } = await ownRedis();
  const first = await openQueue(url, rules);
  const all = await joinMany(first);
  await strike(first, idsOf(all));
  const later = await join(first);
  await admit(first, 1);
  await until(() => later.visitor.state === 'admitted');
  for (const { ticket } of all) expect((await join(first, ticket)).isNew).toBe(false);
  const order = await line(first);
  expect(order.toSorted()).toEqual(idsOf(all).toSorted());
  kill(first);

  const second = await openLater(url, first.room.name, crowd + 1);
  await lose(second);
  const back = await Promise.all(all.map(({ ticket }) => join(second, ticket)));
  expect(idsOf(back)).toEqual(idsOf(all));
  expect(await line(second)).toEqual(order);
});

test('1,200 each who are away, have turns, have sessions, had sessions and left are all put back by a gateway that only read of them', async () => {
  const { url } = await ownRedis();
  const first = await openQueue(url, rules);
  const { room, visits, open } = first;
  const [away, turns, sessions, ended] = [
    await joinMany(first),
    await joinMany(first),
    await joinMany(first),
    await joinMany(first),
  ];
  const left = await joinMany(first);
  await strike(first, idsOf(away));
  await Promise.all(left.map(({ visitor }) => visits.leave(room, visitor.id)));
  await admit(first, 3 * crowd);
  await setRules(first, { 'admission.capacity': '0' });
  const claims = [...sessions, ...ended].map(({ visitor }) => visits.claim(room, visitor));
  expect((await Promise.all(claims)).every(({ claimed }) => claimed)).toBe(true);
  await Promise.all(ended.map(({ visitor }) => visits.leave(room, visitor.id)));
  const { keys } = room.cursor;
  const stateOf = async (redis: typeof open.redis) => ({
    away: await redis.zrange(keys.away('standard'), '0', '-1', 'WITHSCORES'),
    admitted: (await redis.zrange(keys.admitted, '0', '-1')).toSorted(),
    active: await redis.zrange(keys.active, '0', '-1', 'WITHSCORES'),
    ended: await redis.zrange(keys.ended, '0', '-1', 'WITHSCORES'),
    over: (await redis.hkeys(keys.over)).toSorted(),
  });
  const before = await stateOf(open.redis);
  const counts = Object.values(before).map((all) => all.length);
  expect(counts).toEqual([2 * crowd, crowd, 2 * crowd, 2 * crowd, crowd]);
  expect(before.admitted).toEqual(idsOf(turns).toSorted());
  kill(first);

  const second = await openLater(url, room.name, 5 * crowd);
  await lose(second);
  expect(await stateOf(second.open.redis)).toEqual(before);
});

test('of 1,200 survivors of an old state who were served since none comes back, and the exceptions among them do', async () => {
  const { url } = await ownRedis();
  const queue = await openQueue(url, rules);
  const { room, visits, open } = queue;
  const { keys } = room.cursor;
  const absent = await joinMany(queue);
  const served = await joinMany(queue);
  const behind = await join(queue);
  const old = await open.redis.zrange(keys.queue('standard'), '0', '-1', 'WITHSCORES');
  await strike(queue, idsOf(absent));
  await admit(queue, crowd);
  await setRules(queue, { 'admission.capacity': '0' });
  await until(() => served.every(({ visitor }) => visitor.state === 'admitted'));
  await Promise.all(served.map(({ visitor }) => visits.claim(room, visitor)));
  await expire(queue);
  await until(() => served.every(({ visitor }) => visitor.state === 'ended'));
  const places = old.flatMap((visitor, i) => (i % 2 === 0 ? [old[i + 1] ?? '', visitor] : []));
  const { epochId } = room.cursor;
  await open.redis
    .multi()
    .hincrby(keys.pacer, 'seq', -100_000)
    .del(keys.away('standard'))
    .hdel(keys.pacer, 'last:standard')
    .zadd(keys.queue('standard'), ...places)
    .exec();
  room.wake();
  await recovered([queue], epochId);
  expect(await line(queue)).toEqual([behind.visitor.id]);
  expect(await open.redis.zrange(keys.away('standard'), '0', '-1')).toEqual(
    old.filter((_, i) => i % 2 === 0).slice(0, crowd),
  );
});

test('1,200 entries that are seen at once after Redis was emptied are all counted again', async () => {
  const { url } = await ownRedis();
  const queue = await openQueue(url, rules);
  const { room, open } = queue;
  await lose(queue);
  const entries = Array.from({ length: crowd }, (_, i) => ({ visitor: newVisitorId(), turn: i + 1 }));
  const outcomes = await Promise.all(
    entries.map((entry) =>
      open.engine.recovery.countEntry(room.cursor, {
        ...entry,
        expiresAtMs: Date.now() + 600_000,
        lane: 'standard',
      }),
    ),
  );
  expect(outcomes).toEqual(entries.map(() => 'counted'));
  expect(await open.redis.zcard(room.cursor.keys.active)).toBe(crowd);
});

test('1,200 places that a gateway gave while Redis was away, and others had passed, are exceptions to every gateway', async () => {
  const { url } = await ownRedis();
  const one = await openQueue(url, rules);
  const two = await openQueue(url, {}, one.room.name);
  const before = await join(one);
  const { cursor } = one.room;
  const place = (n: number): Entered => ({
    ...{ visitor: newVisitorId(), lane: 0, score: before.visitor.score + n },
    ...{ stage: 'place', turn: 0, deadline: 0 },
  });
  const places = Array.from({ length: crowd }, (_, i) => place(1 + i));
  // The other gateway was back first.
  await two.open.engine.enter(two.room.cursor, cursor.run, [place(2 * crowd)]);
  await admit(two, 2);
  for (let i = 0; i < crowd; i += 250)
    await one.open.engine.enter(cursor, cursor.run, places.slice(i, i + 250));
  await until(
    () => [...two.room.recovery.record.words(false)].filter((word) => word[0] === 'x').length === crowd,
  );
  kill(one);
  await lose(two);
  const seats = await Promise.all(places.map((place) => two.open.engine.seat(two.room.cursor, place)));
  expect(seats.filter((seat) => seat === undefined)).toEqual([]);
  expect(await line(two)).toEqual(places.map(({ visitor }) => visitor));
});
