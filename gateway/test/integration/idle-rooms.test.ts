import { describe, expect, inject, test } from 'vitest';
import { VirtualRoom } from '../support/virtual-room.ts';

const rules = {
  admission: { ratePerMinute: 600, capacity: 100 },
  presence: { leaseSeconds: 600 },
  claim: { windowSeconds: 60 },
};
const open = (differences: unknown = {}): Promise<VirtualRoom> =>
  VirtualRoom.open(inject('redisUrl'), { ...rules, ...(differences as object) });

async function statesOf(room: VirtualRoom, count: number): Promise<string> {
  const names = Array.from({ length: count }, (_, i) => `n${room.now}-${i}`);
  const joined = await Promise.all(names.map((visitor) => room.join(visitor)));
  return joined.map(({ state }) => state[0]).join('');
}

describe('a room that does not always queue', () => {
  test('lets pass as many as there are tokens, and the others wait behind them', async () => {
    const room = await open();
    await room.pass(1_000);
    expect(await statesOf(room, 4)).toBe('aaww');
    await room.pass(10_000);
    // Somebody waits: nobody passes, whatever lies in the bucket, until the tick has served the queue.
    expect(await statesOf(room, 1)).toBe('w');
    expect((await room.serve(400)).length).toBe(3);
    await room.pass(1_000);
    expect(await statesOf(room, 3)).toBe('aaw');
  });

  test('lets nobody pass who would be one more than the capacity', async () => {
    const room = await open({ admission: { ratePerMinute: 600, capacity: 3, burst: 10 } });
    await room.pass(1_000);
    expect(await statesOf(room, 5)).toBe('aaaww');
  });

  test.each([
    ['paused', [['flag.paused', '1']]],
    ['always queueing', [['queue.alwaysOn', '1']]],
    ['without a rate', [['admission.ratePerMinute', '0']]],
  ] as const)('lets nobody pass while it is %s', async (_name, fields) => {
    const room = await open({ admission: { ratePerMinute: 600, capacity: 100 } });
    await room.change(fields);
    await room.pass(60_000);
    expect(await statesOf(room, 1)).toBe('w');
  });

  test('lets nobody pass while all of the stock is held, and lets them pass when some comes free', async () => {
    const room = await open({ stock: { follow: true } });
    const signal = (held: number): Promise<void> =>
      room.engine.signal(room.cursor, { capacity: 10, held, sold: 4 }, 'test');
    await signal(6);
    await room.pass(60_000);
    expect(await statesOf(room, 1)).toBe('w');
    await signal(5);
    expect((await room.serve(100)).length).toBe(1);
    await room.pass(1_000);
    expect(await statesOf(room, 1)).toBe('a');
  });

  test('by a threshold of joins: below it all pass, at it they wait, and a minute later they pass again', async () => {
    const room = await open({
      admission: { ratePerMinute: 60_000, capacity: 100 },
      queue: { threshold: { ratePerMinute: 10 } },
    });
    await room.pass(1_000);
    expect(await statesOf(room, 5)).toBe('aaaaa');
    await room.pass(1_000);
    expect(await statesOf(room, 6)).toBe('aaaaww');
    await room.serve(100);
    await room.pass(30_000);
    expect(await statesOf(room, 1)).toBe('w');
    await room.serve(100);
    await room.pass(60_000);
    expect(await statesOf(room, 1)).toBe('a');
  });

  test('by a threshold of sessions: at it they wait although there is capacity, and are served by the rate', async () => {
    const room = await open({
      admission: { ratePerMinute: 6_000, capacity: 100 },
      queue: { threshold: { active: 2 } },
    });
    await room.pass(1_000);
    expect(await statesOf(room, 4)).toBe('aaww');
    expect((await room.serve(100)).length).toBe(2);
    expect(await statesOf(room, 1)).toBe('w');
  });
});

test('a full queue refuses the next, lets nobody in front lose a place, and takes somebody when it moves', async () => {
  const room = await open({ queue: { alwaysOn: true, maxWaiting: 3 } });
  const crowd = await room.crowd(3);
  expect(await room.tryJoin('late')).toEqual({ refused: 'full' });
  const [first] = crowd;
  expect(await room.join('v1', 0, first?.score)).toMatchObject({ isNew: false, position: 1 });
  await room.serve(100);
  expect(await room.join('late')).toMatchObject({ state: 'waiting', position: 3 });
});

test('a queue that may be so long is no reason to refuse who passes at once', async () => {
  const room = await open({ queue: { maxWaiting: 1 } });
  await room.pass(1_000);
  expect(await statesOf(room, 3)).toBe('aaw');
  expect(await room.tryJoin('late')).toEqual({ refused: 'full' });
});
