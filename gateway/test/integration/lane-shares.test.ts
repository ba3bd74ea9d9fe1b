import { describe, expect, inject, test } from 'vitest';
import { VirtualRoom } from '../support/virtual-room.ts';

const rules = {
  queue: { alwaysOn: true },
  admission: { ratePerMinute: 12_000, capacity: 10_000 },
  lanes: [
    { name: 'standard', weight: 1 },
    { name: 'priority', weight: 3 },
    { name: 'partner', weight: 6 },
  ],
};
const open = (): Promise<VirtualRoom> => VirtualRoom.open(inject('redisUrl'), rules);
const laneOf = (visitor: string): string => visitor.slice(0, 1);

describe('lanes', () => {
  test('have their share of the turns to within one turn, whenever one looks', async () => {
    const room = await open();
    await Promise.all(['s', 'p', 'x'].map((prefix, lane) => room.crowd(70, prefix, lane)));
    const given = { s: 0, p: 0, x: 0 };
    const weights = { s: 1, p: 3, x: 6 };
    for (let total = 0; total < 100; ) {
      const admitted = await room.serve(50);
      for (const visitor of admitted) given[laneOf(visitor) as 's' | 'p' | 'x'] += 1;
      total += admitted.length;
      for (const lane of ['s', 'p', 'x'] as const)
        expect(Math.abs(given[lane] - (total * weights[lane]) / 10), `${lane} of ${total}`).toBeLessThan(1);
    }
  });

  test('give the share of an empty one to the others, by their weights', async () => {
    const room = await open();
    await Promise.all([room.crowd(60, 's', 0), room.crowd(60, 'p', 1)]);
    const admitted = await room.serve(200);
    const standard = admitted.filter((visitor) => laneOf(visitor) === 's').length;
    expect(admitted.length).toBe(40);
    expect(standard).toBe(10);
    const alone = await open();
    await alone.crowd(60, 's', 0);
    expect((await alone.serve(200)).length).toBe(40);
  });

  test('never starve, not even beside one that is filled again whenever it has emptied', async () => {
    const room = await open();
    await room.change([['admission.ratePerMinute', '1200']]);
    await room.crowd(20, 's', 0);
    const admitted: string[] = [];
    for (let slot = 0; slot < 80; slot += 1) {
      await room.join(`x${slot}`, 2);
      admitted.push(...(await room.serve(50)));
    }
    const standard = admitted.filter((visitor) => laneOf(visitor) === 's').length;
    expect(admitted.length).toBeGreaterThan(70);
    expect(standard).toBeGreaterThanOrEqual(Math.floor(admitted.length / 7) - 1);
  });
});
