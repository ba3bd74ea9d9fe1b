import { randomBytes } from 'node:crypto';
import { expect, inject, it } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { drawKey, drawnScore } from '../../src/queue/draw/draw-score.ts';
import { noDraw } from '../../src/queue/draw/draw-state.ts';
import type { LiveRoom } from '../../src/queue/live-room.ts';
import { toFields } from '../../src/queue/rule-fields.ts';
import { defaultRules, mergeRules, type RoomRules } from '../../src/queue/rules.ts';
import {
  hashOfList,
  lotteryRules,
  openLottery,
  openNow,
  placesBySeed,
  sha256OfHex,
} from '../support/lottery.ts';
import { createRoom, type OpenRooms, openRooms } from '../support/open-rooms.ts';
import { openEngine } from '../support/queue-observer.ts';
import { privateRedis } from '../support/start-gateway.ts';

/** Several gateways' queues on one lottery in which nobody is admitted, and participants in it. */
async function openDraw(gateways: number, participants: number, more: Record<string, unknown> = {}) {
  const name = uniqueRoom();
  const open: OpenRooms[] = [];
  const rooms: LiveRoom[] = [];
  for (let i = 0; i < gateways; i += 1) {
    const one = await openRooms(inject('redisUrl'));
    open.push(one);
    rooms.push(await createRoom(one, name, lotteryRules({ admission: { ratePerMinute: 0 }, ...more })));
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

const isDrawn = (room: LiveRoom): boolean => room.draw.state.doneAt > 0;

it('gives the same draw with four gateways at every step at once, lease or no lease', async () => {
  const lanes = [
    { name: 'standard', weight: 1 },
    { name: 'priority', weight: 3 },
  ];
  const { rooms, first, visitors, redis } = await openDraw(4, 6_000, { lanes });
  await openNow({ room: first });
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
  await Promise.all([...rude, ...rooms.map((room) => until(() => isDrawn(room)))]);

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
});

it('goes on where a gateway stopped in the middle of the draw', async () => {
  const name = uniqueRoom();
  const rules = mergeRules(defaultRules, lotteryRules({ admission: { ratePerMinute: 0 } })) as RoomRules;
  // No other gateway hears of the room before the draw has been left.
  const url = await privateRedis();
  const { engine, cursor, redis } = await openEngine(url, name, toFields(rules));
  await engine.draw.seal(cursor, {
    ...noDraw,
    seed: '5e'.repeat(32),
    commitment: sha256OfHex('5e'.repeat(32)),
  });
  const visitors = Array.from({ length: 3_000 }, (_, i) => `visitor-${i}`);
  await Promise.all(
    visitors.map((visitor) => engine.join(cursor, { visitor, lane: 0, score: 0, fresh: 'unused' })),
  );
  await openLottery(engine, cursor);
  const read = async () => (await engine.read(name, cursor.lanes)).pacer;
  await until(async () => {
    await engine.tick(cursor, '');
    return (await read()).has('draw.frozenAt');
  });
  // This one counts the list, writes a part of the scores, still holds the lease, and is never heard of again.
  const step = { gateway: 'dead', hash: undefined, scores: [], most: 700 };
  expect(await engine.draw.advance(cursor, step)).toMatchObject({ next: 'count' });
  const hash = hashOfList(visitors.map((visitor) => `standard:${visitor}`));
  const { seed, members } = await engine.draw.advance(cursor, { ...step, hash });
  const key = drawKey(seed, undefined);
  const scores = members.map((member) => ({ member, score: drawnScore(key, member.split(':')[1] ?? '') }));
  expect(await engine.draw.advance(cursor, { ...step, scores })).toMatchObject({ next: 'draw' });
  expect((await read()).has('draw.written')).toBe(false);

  const open = await openRooms(url);
  const room = await createRoom(open, name, {});
  expect(room.state).toBe('prequeue');
  await until(() => isDrawn(room));
  expect(room.draw.state.hash).toBe(hash);
  expect(await redis.zrange(cursor.keys.queue('standard'), '0', '-1')).toEqual(placesBySeed(seed, visitors));
});

it('keeps late arrivals and those who leave while the draw is made out of it', async () => {
  const { first, visitors, redis } = await openDraw(1, 500, { queue: { beacon: 'a beacon' } });
  const { engine, cursor } = first;
  await openNow({ room: first });
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
  const { first } = await openDraw(1, 0, { queue: { beacon: 'a beacon' } });
  await openNow({ room: first });
  await until(() => isDrawn(first));
  expect(first.draw.state).toMatchObject({ participants: 0, hash: hashOfList([]) });
  await until(() => first.state === 'open');
});
