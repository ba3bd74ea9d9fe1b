import { describe, expect, inject, test } from 'vitest';
import { admittedOf, VirtualRoom } from '../support/virtual-room.ts';

const rules = {
  queue: { alwaysOn: true },
  admission: { ratePerMinute: 6_000, capacity: 3 },
  claim: { windowSeconds: 5 },
  session: { ttlSeconds: 20 },
  presence: { leaseSeconds: 600 },
};
const open = (differences: unknown = {}): Promise<VirtualRoom> =>
  VirtualRoom.open(inject('redisUrl'), { ...rules, ...(differences as object) });

test('a lapsed turn is given on by the tick that finds it, although no token has come meanwhile', async () => {
  const room = await open({ admission: { ratePerMinute: 60, capacity: 1 } });
  await room.crowd(2);
  expect(await room.serve(1_000)).toEqual(['v1']);
  await room.change([['admission.ratePerMinute', '0']]);
  expect(await room.serve(4_950)).toEqual([]);
  await room.events();
  await room.pass(50);
  await room.engine.tick(room.cursor, '');
  const [told, ...others] = (await room.broadcasts()).filter(({ events }) => admittedOf(events).length > 0);
  expect(others).toEqual([]);
  expect(told?.events).toMatchObject([
    { type: 'lapsed', visitor: 'v1', turn: 1 },
    { type: 'admitted', visitor: 'v2', turn: 2, claimBy: room.now + 5_000 },
    ...(told?.events.slice(2) ?? []),
  ]);
});

describe.each([0, 1, 2])('with %i lapses allowed', (lapsesAllowed) => {
  test('a place waits again in front that often, and is lost with the next', async () => {
    const room = await open({
      admission: { ratePerMinute: 6_000, capacity: 1 },
      claim: { windowSeconds: 5, lapsesAllowed },
    });
    const [first] = await room.crowd(2);
    if (first === undefined) throw new Error('nobody joined');
    const admitted = await room.serve(5_000 * (lapsesAllowed + 1) + 200);
    expect(admitted).toEqual([...Array.from({ length: lapsesAllowed + 1 }, () => 'v1'), 'v2']);
    const ends = room.told.filter(({ type }) => type === 'waits-again' || type === 'lapsed');
    expect(ends.map((event) => 'visitor' in event && [event.visitor, event.type])).toEqual([
      ...Array.from({ length: lapsesAllowed }, () => ['v1', 'waits-again']),
      ['v1', 'lapsed'],
    ]);
    expect(await room.engine.claim(room.cursor, 'v1')).toEqual({ claimed: false, why: 'turn-lapsed' });
    const place = { visitor: 'v1', lane: 0, score: first.score };
    expect(await room.engine.lookUp(room.cursor, place)).toMatchObject({ state: 'lapsed' });
    expect((await room.join('v1', 0, first.score)).visitor).toBe('v1-new');
  });
});

test('a second chance stands where it stood: in front of who came later, and of nobody who came before', async () => {
  const room = await open({ claim: { windowSeconds: 5, lapsesAllowed: 1 } });
  await room.crowd(5);
  expect(await room.serve(1_000)).toEqual(['v1', 'v2', 'v3']);
  await room.change([['flag.paused', '1']]);
  await room.serve(5_000);
  const lapsed = await room.engine.lookUp(room.cursor, { visitor: 'v2', lane: 0, score: 1 });
  expect(lapsed).toMatchObject({ state: 'waiting', rank: 1, turn: 2 });
  await room.change([['flag.paused', '0']]);
  expect(await room.serve(1_000)).toEqual(['v1', 'v2', 'v3']);
});

test('turns given together are told each with its number, its place, its deadline and what lapsed before', async () => {
  const room = await open({ claim: { windowSeconds: 5, lapsesAllowed: 2 } });
  const seated = await room.crowd(5);
  await room.serve(1_000);
  await room.change([['flag.paused', '1']]);
  await room.serve(5_000);
  await room.change([['admission.capacity', '5']]);
  await room.change([['flag.paused', '0']]);
  await room.events();
  await room.pass(50);
  await room.engine.tick(room.cursor, '');
  const told = (await room.events()).filter(({ type }) => type === 'admitted');
  expect(told).toEqual(
    seated.map(({ score }, i) => ({
      type: 'admitted',
      visitor: `v${i + 1}`,
      turn: 4 + i,
      claimBy: room.now + 5_000,
      at: { lane: 'standard', score },
      lapses: i < 3 ? 1 : 0,
    })),
  );
});

test('the capacity counts turns given and sessions, exactly, through every way in and out', async () => {
  const room = await open();
  await room.crowd(20);
  const { engine, cursor } = room;
  expect(await room.serve(1_000)).toEqual(['v1', 'v2', 'v3']);
  await engine.claim(cursor, 'v1');
  await engine.claim(cursor, 'v2');
  expect(await room.serve(1_000)).toEqual([]);
  await engine.leave(cursor, 'v1', 'left');
  expect(await room.serve(500)).toEqual(['v4']);
  await engine.leave(cursor, 'v2', 'revoked');
  expect(await room.serve(500)).toEqual(['v5']);
  await engine.leave(cursor, 'v3', 'left');
  expect(await room.serve(500)).toEqual(['v6']);
  await engine.leave(cursor, 'v9', 'left');
  await engine.leave(cursor, 'v1', 'left');
  expect(await room.serve(500)).toEqual([]);
  for (const visitor of ['v4', 'v5', 'v6']) await engine.claim(cursor, visitor);
  expect(await room.serve(19_900)).toEqual([]);
  // The three sessions end together, and so do the turns that nobody claims, five seconds later.
  expect(await room.serve(200)).toEqual(['v7', 'v8', 'v10']);
  expect(await room.serve(5_000)).toEqual(['v11', 'v12', 'v13']);
  await room.change([['admission.capacity', '5']]);
  expect(await room.serve(500)).toEqual(['v14', 'v15']);
  await room.change([['admission.capacity', '1']]);
  expect(await room.serve(4_200)).toEqual([]);
  expect(await room.serve(1_000)).toEqual(['v16']);
});

test('a claim may come until the tick finds the turn lapsed, and not after it', async () => {
  const room = await open();
  await room.crowd(2);
  await room.serve(100);
  await room.pass(5_001);
  expect(await room.engine.claim(room.cursor, 'v1')).toMatchObject({ claimed: true, again: false });
  await room.tick();
  expect(await room.engine.claim(room.cursor, 'v2')).toMatchObject({ claimed: false, why: 'turn-lapsed' });
});

test('a session never ends before it said it would, also when sessions are made shorter meanwhile', async () => {
  const room = await open();
  await room.crowd(1);
  await room.serve(100);
  const claimed = await room.engine.claim(room.cursor, 'v1');
  if (!claimed.claimed) throw new Error('not claimed');
  expect(claimed.deadline).toBe(room.now + 20_000);
  await room.pass(12_000);
  const renewed = await room.engine.renew(room.cursor, 'v1', claimed.turn);
  expect(renewed).toBe(room.now + 20_000);
  await room.change([['session.ttlSeconds', '10']]);
  // A client that goes on with its first token asks for a renewal of that one.
  expect(await room.engine.renew(room.cursor, 'v1', claimed.turn)).toBe(renewed);
  expect(Number(await room.redis.zscore(room.cursor.keys.active, 'v1'))).toBe(renewed);
  await room.pass(20_000);
  expect(await room.engine.renew(room.cursor, 'v1', claimed.turn)).toBe(0);
});
