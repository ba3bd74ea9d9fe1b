import { describe, expect, inject, test } from 'vitest';
import { VirtualRoom } from '../support/virtual-room.ts';

/** At 6,000 a minute: a hundred a second, and B = 11. */
const bound = 11;
const perSlot = 5;
const rules = {
  queue: { alwaysOn: true },
  admission: { ratePerMinute: 6_000, capacity: 10_000 },
  claim: { windowSeconds: 600 },
  presence: { leaseSeconds: 600 },
};
const paused = (is: boolean): [string, string][] => [['flag.paused', is ? '1' : '0']];
const rate = (perMinute: number): [string, string][] => [['admission.ratePerMinute', String(perMinute)]];

describe('nobody rushes in', () => {
  test('at the start: the bucket is empty', async () => {
    const room = await VirtualRoom.open(inject('redisUrl'), rules);
    await room.crowd(200);
    expect(await room.tick()).toEqual([]);
    expect((await room.serve(1_000)).length).toBe(100);
  });

  test('when a pause ends, however long it was', async () => {
    const room = await VirtualRoom.open(inject('redisUrl'), rules);
    await room.crowd(200);
    await room.serve(100);
    await room.change(paused(true));
    expect(await room.serve(5_000)).toEqual([]);
    await room.change(paused(false));
    const first = await room.serve(50);
    expect(first.length).toBeLessThanOrEqual(bound);
    expect((await room.serve(500)).length).toBeLessThanOrEqual(50 + bound - first.length);
  });

  test('when gateways come back after none had ticked for a minute', async () => {
    const room = await VirtualRoom.open(inject('redisUrl'), rules);
    await room.crowd(200);
    await room.serve(100);
    await room.pass(60_000);
    expect((await room.tick()).length).toBe(bound);
    expect((await room.serve(200)).length).toBe(4 * perSlot);
  });

  test('when the rate goes up: what passed before it counts at the rate of before', async () => {
    const room = await VirtualRoom.open(inject('redisUrl'), { ...rules, admission: { ratePerMinute: 0 } });
    await room.crowd(200);
    await room.pass(60_000);
    await room.change(rate(6_000));
    expect(await room.serve(0)).toEqual([]);
    expect((await room.serve(50)).length).toBe(perSlot);
  });

  test('when the rate goes down: what is kept is cut to the new bound', async () => {
    const room = await VirtualRoom.open(inject('redisUrl'), rules);
    await room.pass(60_000);
    await room.change(rate(60));
    await room.crowd(200);
    expect((await room.serve(50)).length).toBe(1);
    expect((await room.serve(1_000)).length).toBe(1);
  });

  test('when the room opens by its schedule', async () => {
    const opensAt = VirtualRoom.begins + 60_000;
    const schedule = { prequeueAt: VirtualRoom.begins, opensAt };
    const room = await VirtualRoom.open(inject('redisUrl'), { ...rules, schedule });
    await room.crowd(200);
    expect(await room.serve(59_999)).toEqual([]);
    const first = await room.serve(50);
    expect(first.length).toBeGreaterThan(0);
    expect(first.length).toBeLessThanOrEqual(bound + perSlot);
    expect((await room.serve(1_000)).length).toBeLessThanOrEqual(100 + bound);
  });

  test('when a burst is allowed, but so many', async () => {
    const burst = { ...rules, admission: { ...rules.admission, burst: 30 } };
    const room = await VirtualRoom.open(inject('redisUrl'), burst);
    await room.pass(60_000);
    await room.crowd(200);
    expect((await room.tick()).length).toBe(30);
    expect((await room.serve(50)).length).toBe(perSlot);
  });

  test('when many turns lapse in a pause: no more is kept of them than the bound', async () => {
    const claim = { windowSeconds: 5 };
    const room = await VirtualRoom.open(inject('redisUrl'), { ...rules, claim });
    await room.crowd(300);
    expect((await room.serve(500)).length).toBe(50);
    await room.change(paused(true));
    await room.serve(10_000);
    await room.change(paused(false));
    expect((await room.serve(50)).length).toBeLessThanOrEqual(bound);
  });
});

test('a live edit of the rate takes effect in the next tick', async () => {
  const room = await VirtualRoom.open(inject('redisUrl'), { ...rules, admission: { ratePerMinute: 60 } });
  await room.crowd(100);
  expect((await room.serve(1_000)).length).toBe(1);
  await room.change(rate(6_000));
  expect((await room.serve(50)).length).toBe(perSlot);
  await room.change(rate(0));
  expect((await room.serve(5_000)).length).toBeLessThanOrEqual(1);
});
