import { randomBytes } from 'node:crypto';
import { expect, inject, it } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { drawKey, drawnScore } from '../../src/queue/draw-score.ts';
import type { LiveRoom } from '../../src/queue/live-room.ts';
import { hashOfList, lotteryRules, placesBySeed } from '../support/lottery.ts';
import { createRoom, type OpenRooms, openRooms } from '../support/open-rooms.ts';

/** Several gateways' queues on one lottery in which nobody is admitted, and participants in it. */
async function openDraw(gateways: number, participants: number, more: Record<string, unknown> = {}) {
  const name = uniqueRoom();
  const open: OpenRooms[] = [];
  const rooms: LiveRoom[] = [];
  for (let i = 0; i < gateways; i += 1) {
    const one = await openRooms(inject('redisUrl'));
    open.push(one);
    rooms.push(
      await createRoom(one, name, lotteryRules(600_000, { admission: { ratePerMinute: 0 }, ...more })),
    );
  }
  const [first] = rooms as [LiveRoom, ...LiveRoom[]];
  const visitors = Array.from({ length: participants }, () => randomBytes(16).toString('base64url'));
  const lanes = first.cursor.lanes.length;
  await Promise.all(
    visitors.map((visitor, i) =>
      first.engine.join(first.cursor, { visitor, lane: i % lanes, score: 0, fresh: visitor }),
    ),
  );
  return { name, rooms, first, visitors, redis: (open[0] as OpenRooms).redis };
}

/** The room opens now. */
async function openNow(room: LiveRoom): Promise<void> {
  const fields = [['schedule.opensAt', String(Math.round(room.cursor.now()))]] as const;
  const change = { author: 'test', action: 'patch', reason: '', expectedVersion: 0, fields };
  await room.engine.change(room.cursor, change);
  room.wake();
}

const isDrawn = (room: LiveRoom): boolean => room.draw.state.doneAt > 0;

it('gives the same draw with four gateways at every step at once, lease or no lease', async () => {
  const lanes = [
    { name: 'standard', weight: 1 },
    { name: 'priority', weight: 3 },
  ];
  const { rooms, first, visitors, redis } = await openDraw(4, 6_000, { lanes });
  await openNow(first);
  // Beside the gateways, which take turns by the lease, four that ignore it: each claims to be somebody new every time.
  const rude = rooms.map(async ({ engine, cursor, draw }) => {
    let scores: { member: string; score: number }[] = [];
    let hash: string | undefined;
    while (draw.state.doneAt === 0) {
      const gateway = randomBytes(4).toString('hex');
      await redis.hdel(cursor.keys.pacer, 'draw.worker', 'draw.workerUntil');
      const step = await engine.draw.advance(cursor, { gateway, hash, scores, most: 200 });
      hash = undefined;
      if (step.next === 'count') {
        const all = await engine.draw.participants(cursor, 0, 10_000);
        hash = hashOfList(all.map(({ member }) => member));
      }
      const key = drawKey(step.seed, step.beacon);
      scores = step.members.map((member) => ({ member, score: drawnScore(key, member.split(':')[1] ?? '') }));
    }
  });
  await Promise.all([...rude, ...rooms.map((room) => until(() => isDrawn(room), 20_000))]);

  const { seed = '', hash, participants } = first.draw.state;
  expect(participants).toBe(6_000);
  const laneOf = (i: number): string => (i % 2 === 0 ? 'standard' : 'priority');
  expect(hash).toBe(hashOfList(visitors.map((visitor, i) => `${laneOf(i)}:${visitor}`)));
  for (const lane of [0, 1]) {
    const ofLane = visitors.filter((_, i) => i % 2 === lane);
    expect(await redis.zrange(first.cursor.keys.queue(laneOf(lane)), '0', '-1')).toEqual(
      placesBySeed(seed, ofLane),
    );
  }
}, 60_000);

it('goes on where a gateway stopped in the middle of the draw', async () => {
  const { rooms, first, visitors, redis } = await openDraw(1, 3_000);
  const dead = { gateway: 'dead', hash: undefined, scores: [], most: 500 };
  const { engine, cursor } = first;
  // The dead one takes the lease the moment the list is closed, counts, writes a part of the scores, and is gone.
  const [other] = rooms as [LiveRoom];
  await openNow(other);
  const counting = await until(async () => {
    const step = await engine.draw.advance(cursor, dead);
    return step.next !== 'done' && step.next;
  });
  expect(['count', 'draw', 'busy']).toContain(counting);
  await redis.hset(cursor.keys.pacer, 'draw.worker', 'dead', 'draw.workerUntil', String(Date.now() + 1_500));
  await until(() => isDrawn(first), 20_000);
  expect(await redis.zrange(cursor.keys.queue('standard'), '0', '-1')).toEqual(
    placesBySeed(first.draw.state.seed ?? '', visitors),
  );
}, 40_000);

it('keeps late arrivals and those who leave while the draw is made out of it', async () => {
  const { first, visitors, redis } = await openDraw(1, 500, { queue: { beacon: 'a beacon' } });
  const { engine, cursor } = first;
  await openNow(first);
  await until(() => first.draw.state.hash !== undefined);
  const late = await engine.join(cursor, {
    visitor: 'late',
    lane: 0,
    score: 0,
    fresh: 'unused',
  });
  expect(late.refused === undefined && late.score).toBeGreaterThan(2 ** 52);
  const [gone = ''] = visitors;
  expect(await engine.leave(cursor, gone, 'left')).toBe(true);
  await engine.draw.giveBeacon(cursor, 'its value', 'test', '');
  await until(() => isDrawn(first));

  const order = placesBySeed(first.draw.state.seed ?? '', visitors, 'its value');
  const waiting = await redis.zrange(cursor.keys.queue('standard'), '0', '-1');
  expect(waiting).toEqual([...order.filter((visitor) => visitor !== gone), 'late']);
  // Who was on the closed list stays on it: the published hash is checked against it.
  const listed = await engine.draw.participants(cursor, 0, 1_000);
  expect(listed.map(({ member }) => member)).toEqual(order.map((visitor) => `standard:${visitor}`));
});

it('opens with nobody to draw at once, beacon or not, and shows the seed', async () => {
  const { first, redis } = await openDraw(1, 0, { queue: { beacon: 'a beacon' } });
  await openNow(first);
  await until(() => isDrawn(first), 3000).catch(async (e) => {
    console.log(
      first.state,
      first.draw.state,
      first.rules.schedule,
      first.cursor.now(),
      await redis.hgetall(first.cursor.keys.pacer),
    );
    throw e;
  });
  expect(first.draw.state).toMatchObject({ participants: 0, hash: hashOfList([]) });
  await until(() => first.state === 'open');
});
