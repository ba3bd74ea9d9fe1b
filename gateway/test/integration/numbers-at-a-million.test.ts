import { expect, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import type { LiveRoom } from '../../src/queue/live-room.ts';
import type { Visitor } from '../../src/queue/visitors/roster.ts';
import { createRoom, type OpenRooms, openRooms } from '../support/open-rooms.ts';
import { randomFrom } from '../support/random.ts';
import { privateRedis } from '../support/start-gateway.ts';

type Place = { readonly id: string; readonly score: number };

const million = 1_000_000;

/** Ids as long as real ones, in an order that says nothing. */
function idOf(lane: string, n: number): string {
  return `${lane}${((n * 2_654_435_761) % 2 ** 32).toString(36).padStart(7, '0')}-${n.toString(36).padStart(13, '0')}`;
}

/** Puts visitors into a lane as joins would, in big bites. */
async function fill(
  { redis }: OpenRooms,
  room: LiveRoom,
  lane: string,
  places: readonly Place[],
): Promise<void> {
  const key = room.cursor.keys.queue(lane);
  const calls: Promise<number>[] = [];
  for (let from = 0; from < places.length; from += 5_000) {
    const bite = places.slice(from, from + 5_000).flatMap(({ id, score }) => [score, id]);
    calls.push(redis.zadd(key, ...bite));
    if (calls.length % 4 === 0) await Promise.all(calls);
  }
  await Promise.all(calls);
}

/** The position that this gateway would tell, and the true one. */
async function compare(
  { redis }: OpenRooms,
  room: LiveRoom,
  lane: number,
  places: readonly Place[],
): Promise<{ told: number; real: number }[]> {
  const key = room.cursor.keys.queue(room.cursor.lanes[lane] ?? '');
  const ranks = await Promise.all(places.map(({ id }) => redis.zrank(key, id)));
  return places.map(({ id, score }, i) => {
    const visitor = { id, score, lane, state: 'waiting', rankKnown: 0 } as Visitor;
    return { told: room.rankOf(visitor) ?? 0, real: (ranks[i] ?? Number.NaN) + 1 };
  });
}

test('among a million positions are exact within the first thousand and to one percent behind, in every lane', async () => {
  const open = await openRooms(await privateRedis());
  const lanes = ['standard', 'drawn', 'short'].map((name) => ({ name, weight: 1 }));
  const room = await createRoom(open, uniqueRoom(), { admission: { ratePerMinute: 0 }, lanes });
  const { pacer } = room.cursor.keys;
  const [epoch, next] = await open.redis.hmget(pacer, 'epoch', 'next');
  const base = 2 ** 52 + Number(epoch) * 2 ** 30 + Number(next);
  const random = randomFrom(7);

  // A line in which every tenth thousand has given up as one, the worst that marks of a percent can meet.
  const standard: Place[] = [];
  for (let n = 0; standard.length < million; n += 1) {
    if (Math.floor(n / 1_000) % 10 !== 9 || n % 100 === 0)
      standard.push({ id: idOf('s', n), score: base + n });
  }
  const drawn = Array.from({ length: 200_000 }, (_, n) => ({
    id: idOf('d', n),
    score: Math.floor(random() * 2 ** 26) * 2 ** 26 + Math.floor(random() * 2 ** 26),
  }));
  const short = Array.from({ length: 900 }, (_, n) => ({ id: idOf('k', n), score: base + 2 * n }));
  await open.redis.hset(pacer, 'next', String(Number(next) + 2 * million));
  await fill(open, room, 'standard', standard);
  await fill(open, room, 'drawn', drawn);
  await fill(open, room, 'short', short);
  room.wake();
  const seen = new Set<unknown>();
  await until(() => {
    if (room.waiting > 1_200_000) seen.add(room.sketches[0]);
    // Two sketches with their marks.
    return seen.size >= 4;
  });

  for (const [lane, places] of [standard, drawn, short].entries()) {
    const inOrder = [...places].sort((a, b) => a.score - b.score);
    const front = await compare(open, room, lane, inOrder.slice(0, 1_000));
    expect(front.filter(({ told, real }) => told !== real)).toEqual([]);
    const some = Array.from({ length: 2_000 }, () => inOrder[Math.floor(random() * inOrder.length)] as Place);
    const off = (await compare(open, room, lane, some)).map(({ told, real }) => Math.abs(told - real));
    expect(Math.max(...off)).toBeLessThanOrEqual(places.length / 100);
  }
});
