import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import type { Joined } from '../../src/queue/visitors/visits.ts';
import {
  admit,
  join,
  line,
  openTwo,
  ownRedis,
  type Queue,
  recovered,
  setRules,
} from '../support/losing-redis.ts';
import { placesBySeed } from '../support/lottery.ts';

const crowd = 800;
const served = 600;

/** They claim, and the time of their sessions is over: nothing tells of them but the last admitted score. */
async function goThrough({ open, room, visits }: Queue, all: readonly Joined[]): Promise<void> {
  const outcomes = await Promise.all(all.map(({ visitor }) => visits.claim(room, visitor)));
  expect(outcomes.every(({ claimed }) => claimed)).toBe(true);
  const { active } = room.cursor.keys;
  await open.redis.zunionstore(active, 1, active, 'WEIGHTS', '0.5');
  room.wake();
  await until(async () => (await open.redis.zcard(active)) === 0);
}

/** Two gateways on a room that let an arrival in, then became a lottery, and has served most of those who were drawn. */
async function lotteryAfterArrival() {
  const redis = await ownRedis();
  const fifo = {
    admission: { ratePerMinute: 60_000, capacity: 0 },
    queue: { alwaysOn: true },
    claim: { windowSeconds: 600 },
    presence: { graceSeconds: 600, leaseSeconds: 600 },
  };
  const [one, two] = await openTwo(redis.url, fifo);
  const arrival = await join(one);
  await admit(one, 1);
  await setRules(one, {
    ...{ 'queue.method': 'lottery', 'admission.capacity': '0' },
    'schedule.opensAt': String(Date.now() + 3_600_000),
  });
  await goThrough(one, [arrival]);
  await until(() => [one, two].every(({ room }) => room.rules.queue.method === 'lottery'));
  const drawn = await Promise.all(Array.from({ length: crowd }, (_, i) => join(i % 2 === 0 ? one : two)));
  await setRules(one, { 'schedule.opensAt': String(Date.now()) });
  one.room.wake();
  await until(() => [one, two].every(({ room }) => room.draw.state.doneAt > 0));
  const places = new Map(drawn.map((joined) => [joined.visitor.id, joined]));
  const order = placesBySeed(one.room.draw.state.seed ?? '', [...places.keys()]);
  expect(await line(one)).toEqual(order);
  const gone = order.slice(0, served).flatMap((id) => places.get(id) ?? []);
  const scores = await one.open.redis.zrange(
    one.room.cursor.keys.queue('standard'),
    '0',
    String(served - 1),
    'WITHSCORES',
  );
  await admit(one, served);
  await setRules(one, { 'admission.capacity': '0' });
  await until(() => gone.every(({ visitor }) => visitor.state === 'admitted'));
  await goThrough(one, gone);
  await until(() => gone.every(({ visitor }) => visitor.state === 'ended'));
  const late = await join(two);
  return { one, two, gone: [arrival, ...gone], scores, waiting: [...order.slice(served), late.visitor.id] };
}

type Lost = { readonly queue: Queue; readonly scores: readonly string[] };
const losses: readonly (readonly [string, (lost: Lost) => Promise<unknown>])[] = [
  ['emptied', ({ queue }) => queue.open.redis.flushall()],
  [
    'as it was before they were served',
    ({ queue, scores }) => {
      const { keys } = queue.room.cursor;
      const places = scores.flatMap((visitor, i) => (i % 2 === 0 ? [scores[i + 1] ?? '', visitor] : []));
      const redis = queue.open.redis.multi().hincrby(keys.pacer, 'seq', -1_000);
      return redis
        .hdel(keys.pacer, 'lastDrawn:standard')
        .zadd(keys.queue('standard'), ...places)
        .exec();
    },
  ],
];

test.each(losses)(
  'who is drawn in a room that had let arrivals in before keeps the place, and who was served does not come back: Redis %s',
  async (_, lose) => {
    const { one, two, gone, scores, waiting } = await lotteryAfterArrival();
    const { epochId } = one.room.cursor;
    await lose({ queue: one, scores });
    for (const { room } of [one, two]) room.wake();
    await recovered([one, two], epochId);
    expect(await line(one)).toEqual(waiting);
    const [arrival, first, second] = gone as [Joined, Joined, Joined];
    for (const { ticket, visitor } of [arrival, first, second])
      expect((await join(two, ticket)).visitor.id).not.toBe(visitor.id);
    expect((await line(one)).slice(0, waiting.length)).toEqual(waiting);
  },
  60_000,
);
