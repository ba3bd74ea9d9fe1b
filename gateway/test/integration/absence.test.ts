import { describe, expect, inject, test } from 'vitest';
import type { Mark } from '../../src/queue/engine.ts';
import { VirtualRoom } from '../support/virtual-room.ts';

const rules = {
  queue: { alwaysOn: true },
  admission: { ratePerMinute: 0, capacity: 100 },
  presence: { leaseSeconds: 10, graceSeconds: 30 },
};
const serving = [['admission.ratePerMinute', '6000']] as const;

async function open(differences: unknown = {}) {
  const room = await VirtualRoom.open(inject('redisUrl'), { ...rules, ...(differences as object) });
  const mark = (visitor: string, how: Mark): Promise<{ readonly waiting: boolean }> =>
    room.engine.mark(room.cursor, { visitor, lane: 0, score: 0 }, how);
  const waiting = async (): Promise<number> =>
    Number(await room.redis.zcard(room.cursor.keys.queue('standard')));
  return { room, mark, waiting };
}

describe('somebody who is not there', () => {
  test('is called first, and struck a second later: out of the numbers and skipped at the turn', async () => {
    const { room, mark, waiting } = await open();
    await room.crowd(3);
    for (const visitor of ['v2', 'v3']) await mark(visitor, 'hold');
    const told = (type: string): boolean => room.told.some((event) => event.type === type);
    await room.serve(9_950);
    expect(told('called')).toBe(false);
    await room.serve(150);
    expect([told('called'), told('abandoned')]).toEqual([true, false]);
    expect(await waiting()).toBe(3);
    await room.serve(2_000);
    expect(told('abandoned')).toBe(true);
    expect(await waiting()).toBe(2);
    expect(room.told.findLast((event) => event.type === 'sketch')).toMatchObject({ sketch: { waiting: 2 } });
    await room.change(serving);
    expect(await room.serve(1_000)).toEqual(['v2', 'v3']);
  });

  test('has the old place again on coming back, also after having been skipped', async () => {
    const { room, mark, waiting } = await open();
    const [first] = await room.crowd(3);
    for (const visitor of ['v2', 'v3']) await mark(visitor, 'hold');
    await room.serve(11_100);
    expect(await waiting()).toBe(2);
    expect((await room.join('v1', 0, first?.score)).position).toBe(1);
    await room.serve(11_100);
    expect(await waiting()).toBe(2);
    await room.change(serving);
    expect(await room.serve(50)).toEqual(['v2', 'v3']);
    await room.crowd(3, 'w');
    await room.change([['flag.paused', '1']]);
    expect(await mark('v1', 'lease')).toMatchObject({ waiting: true });
    await room.change([['flag.paused', '0']]);
    expect(await room.serve(1_000)).toEqual(['v1', 'w1', 'w2', 'w3']);
  });

  test('and answers the call keeps the place without a gap', async () => {
    const { room, mark, waiting } = await open();
    await room.crowd(1);
    await room.serve(10_500);
    await mark('v1', 'hold');
    await room.serve(60_000);
    expect(await waiting()).toBe(1);
    expect(await room.redis.zcard(room.cursor.keys.presence)).toBe(0);
  });

  test('in a queue that ends is out for good, as everybody who waited', async () => {
    const { room, waiting } = await open();
    const [first] = await room.crowd(1);
    await room.serve(11_100);
    expect(await waiting()).toBe(0);
    await room.change([['flag.closed', '1']]);
    await room.serve(100);
    await room.change([['flag.closed', '0']]);
    const place = { visitor: 'v1', lane: 0, score: first?.score ?? 0 };
    expect(await room.engine.lookUp(room.cursor, place)).toMatchObject({ state: 'closed' });
    expect((await room.join('v1', 0, first?.score)).visitor).toBe('v1-new');
  });
});

test('visitors of a gateway that died are out of the count within the grace period, unless they come back', async () => {
  const { room, mark, waiting } = await open();
  await room.crowd(4);
  for (const visitor of ['v1', 'v2', 'v3', 'v4']) await mark(visitor, 'hold');
  await room.tick('dies');
  const diedAt = room.now;
  const rollCall = async (): Promise<boolean> =>
    (await room.events()).some(({ type }) => type === 'roll-call');
  let called = false;
  while (!called) {
    await room.pass(50);
    await room.engine.tick(room.cursor, 'lives');
    called = await rollCall();
  }
  // v1 is held by the gateway that lives, v2 has come back to it meanwhile, v3 polls.
  for (const visitor of ['v1', 'v2']) await mark(visitor, 'hold');
  await mark('v3', 'lease');
  while (room.now < diedAt + 30_000) {
    await room.serve(5_000, 'lives');
    await mark('v3', 'lease');
  }
  await room.serve(1_100, 'lives');
  expect(await waiting()).toBe(3);
  expect((await room.engine.lookUp(room.cursor, { visitor: 'v4', lane: 0, score: 1 })).state).toBe('away');
  expect(room.now - diedAt).toBeLessThanOrEqual(31_200);
});
