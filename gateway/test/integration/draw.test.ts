import type { Status } from '@ropeline/core/protocol/status.ts';
import type { RoomKeys } from '@ropeline/core/redis/room-keys.ts';
import { expect, inject, it } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { noDraw } from '../../src/queue/draw/draw-state.ts';
import { toFields } from '../../src/queue/rule-fields.ts';
import { defaultRules, mergeRules, type RoomRules } from '../../src/queue/rules.ts';
import * as scripts from '../../src/queue/scripts.ts';
import { openLive } from '../support/live-client.ts';
import {
  drawMade,
  hashOfList,
  join,
  leave,
  lotteryRules,
  openLottery,
  openNow,
  placesBySeed,
  publicState,
  sha256OfHex,
  statusOf,
} from '../support/lottery.ts';
import { type BareEngine, observe, openEngine } from '../support/queue-observer.ts';
import { privateRedis, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** Some gateways that serve one lottery, in which nobody is ever admitted: places can be looked at. */
async function startLottery(gateways: number, more: Record<string, unknown> = {}) {
  const redisUrl = await privateRedis();
  const roomName = uniqueRoom();
  const rules = lotteryRules({ admission: { ratePerMinute: 0 }, ...more });
  const opened: TestGateway[] = [];
  for (let i = 0; i < gateways; i += 1) opened.push(await startGateway({ redisUrl, roomName, rules }));
  return opened as [TestGateway, ...TestGateway[]];
}

async function joinMany(gateways: readonly TestGateway[], count: number): Promise<Status[]> {
  const joined = await Promise.all(
    Array.from({ length: count }, (_, i) => join(gateways[i % gateways.length] as TestGateway)),
  );
  return joined.map(({ status }) => status);
}

it('draws who joined before the opening by the seed, with three gateways at it, and puts later arrivals behind', async () => {
  const gateways = await startLottery(3);
  const [first] = gateways;
  const { draw, state } = await publicState(first);
  expect(state).toBe('prequeue');
  expect(draw).toEqual({ commitment: expect.stringMatching(/^[0-9a-f]{64}$/) });

  const early = await joinMany(gateways, 60);
  for (const status of early) {
    expect(status).toMatchObject({ state: 'scheduled', position: null, ahead: null, etaSeconds: null });
    expect(status.place?.split('.').at(-3)).toBe('drawn');
  }
  await openNow(first);
  const made = await drawMade(first);
  const late: Status[] = [];
  for (let i = 0; i < 5; i += 1) late.push((await join(gateways[i % 3] as TestGateway)).status);

  expect(sha256OfHex(made.seed)).toBe(draw?.commitment);
  expect(made.commitment).toBe(draw?.commitment);
  expect(made.participants).toBe(60);
  expect(made.participantsHash).toBe(hashOfList(early.map(({ visitor }) => `standard:${visitor}`)));
  const drawn = placesBySeed(
    made.seed,
    early.map(({ visitor }) => visitor),
  );
  for (const [i, { visitor, place = '' }] of [...early, ...late].entries()) {
    const gateway = gateways[(i + 1) % 3] as TestGateway;
    const wanted = i < 60 ? drawn.indexOf(visitor) + 1 : i + 1;
    await until(async () => (await statusOf(gateway, place)).status.position === wanted);
  }
});

/** An engine whose room is a lottery as its rules say, and which no gateway serves. */
function bareLottery(): Promise<BareEngine> {
  const rules = mergeRules(defaultRules, lotteryRules()) as RoomRules;
  return openEngine(inject('redisUrl'), uniqueRoom(), toFields(rules));
}

const seed = '5e'.repeat(32);
const commitment = sha256OfHex(seed);

it('lets nobody join a lottery whose commitment is not public', async () => {
  const { engine, cursor } = await bareLottery();
  const newcomer = { visitor: 'early', lane: 0, score: 0, fresh: 'unused' };
  expect(await engine.join(cursor, newcomer)).toEqual({ refused: 'unsealed' });
  expect(await engine.draw.seal(cursor, { ...noDraw, seed, commitment })).toBe(true);
  expect(await engine.join(cursor, newcomer)).toMatchObject({ isNew: true, score: -1 });
});

it('never gives a run another seed, whoever tries and whatever the method was meanwhile', async () => {
  const { engine, cursor, redis } = await bareLottery();
  const rivals = ['11', '22', '33', '44'].map((byte) => byte.repeat(32));
  const sealed = await Promise.all(
    rivals.map((rival) =>
      engine.draw.seal(cursor, { ...noDraw, seed: rival, commitment: sha256OfHex(rival) }),
    ),
  );
  expect(sealed.filter(Boolean)).toHaveLength(1);
  const kept = await redis.hget(cursor.keys.pacer, 'draw.seed');
  await engine.join(cursor, { visitor: 'early', lane: 0, score: 0, fresh: 'unused' });
  const change = { author: 'test', action: 'patch', reason: '', expectedVersion: 0 };
  await engine.change(cursor, { ...change, fields: [['queue.method', 'fifo']] });
  await engine.change(cursor, { ...change, fields: [['queue.method', 'lottery']] });
  await engine.draw.seal(cursor, { ...noDraw, seed, commitment });
  expect(await redis.hget(cursor.keys.pacer, 'draw.seed')).toBe(kept);
});

it('decides by Redis time in the join which side of the opening somebody is on', async () => {
  const { engine, cursor, redis } = await bareLottery();
  await engine.draw.seal(cursor, { ...noDraw, seed, commitment });
  const { joinVisitors } = scripts;
  const names = joinVisitors.contract.keys as readonly Exclude<keyof RoomKeys, 'queue' | 'away'>[];
  const keys = [...names.map((name) => cursor.keys[name]), ...cursor.laneKeys()];
  const seen: { readonly now: number; readonly isDrawn: boolean }[] = [];
  let opensAt = Number.POSITIVE_INFINITY;
  while ((seen.at(-1)?.now ?? 0) < opensAt + 100) {
    // The first has joined before the opening, however long that took.
    if (seen.length === 1) opensAt = await openLottery(engine, cursor, 400);
    const visitor = `v${seen.length}`;
    const head = [cursor.epochId, 0, cursor.lanesText, cursor.keys.tick];
    const answer = await joinVisitors.call(redis, keys, [...head, `${visitor}:1`]);
    if (typeof answer === 'string') throw new Error(answer);
    seen.push({ now: answer.now, isDrawn: answer.rest[1] === -1 });
  }
  expect(seen.some(({ isDrawn }) => isDrawn)).toBe(true);
  for (const { now, isDrawn } of seen) expect(isDrawn).toBe(now < opensAt);
});

it('draws neither who left before the opening nor anybody twice, and keeps the drawn place of who was away', async () => {
  const [gateway] = await startLottery(1, { presence: { graceSeconds: 5, leaseSeconds: 600 } });
  const [left, away, ...others] = (await joinMany([gateway], 8)) as [Status, Status, ...Status[]];
  expect(await leave(gateway, left.place ?? '')).toBe(204);
  const again = await join(gateway, away.place);
  expect(again).toMatchObject({ code: 200, status: { visitor: away.visitor, state: 'scheduled' } });

  // Closing a socket begins the grace period; struck before the opening, the place is drawn nevertheless.
  const client = openLive(gateway.origin, gateway.room.name, away.place);
  await client.first('status');
  client.socket.close();
  const { keys } = gateway.room.cursor;
  const { redis } = gateway.open;
  await until(async () => (await redis.zcard(keys.away('standard'))) === 1);
  await openNow(gateway);
  const made = await drawMade(gateway);

  const drawn = [away, ...others].map(({ visitor }) => visitor);
  expect(made.participants).toBe(7);
  expect(made.participantsHash).toBe(hashOfList(drawn.map((visitor) => `standard:${visitor}`)));
  const order = placesBySeed(made.seed, drawn);
  expect(await join(gateway, away.place)).toMatchObject({ code: 200, status: { state: 'waiting' } });
  const place = order.indexOf(away.visitor) + 1;
  await until(async () => (await redis.zrank(keys.queue('standard'), away.visitor)) === place - 1);
});

it('admits in the order of the draw, and nobody before it is made', async () => {
  const admission = { ratePerMinute: 6_000, burst: 0, capacity: 1_000 };
  const gateways = await startLottery(2, { admission });
  const [first] = gateways;
  const { host, port } = first.open.redis.options;
  const { heard } = await observe(`redis://${host}:${port}`, { ...first.open, cursor: first.room.cursor });
  const early = await joinMany(gateways, 40);
  await openNow(first);
  const made = await drawMade(first);
  const admitted = await until(() => {
    const turns = heard.flatMap(({ events }) => events.filter(({ type }) => type === 'admitted'));
    return turns.length === 40 && turns;
  });
  const order = admitted.map((event) => (event.type === 'admitted' ? event.visitor : ''));
  expect(order).toEqual(
    placesBySeed(
      made.seed,
      early.map(({ visitor }) => visitor),
    ),
  );
  const opening = heard.findIndex(({ events }) => events.some((e) => e.type === 'draw' && e.made));
  const firstTurn = heard.findIndex(({ events }) => events.some((e) => e.type === 'admitted'));
  expect(firstTurn).toBeGreaterThanOrEqual(opening);
});
