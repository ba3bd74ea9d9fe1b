import { describe, expect, test } from 'vitest';
import { OwnLine } from '../../src/queue/outage/own-line.ts';
import type { Visitor } from '../../src/queue/visitors/roster.ts';
import { randomFrom } from '../support/random.ts';

const lanes = [{ weight: 1 }, { weight: 3 }, { weight: 6 }];

/** Only what the line looks at. */
function crowdOf(size: number, seed: number): Visitor[] {
  const random = randomFrom(seed);
  return Array.from({ length: size }, (_, n) => {
    // Many have the same score.
    const score = Math.floor((random() * size) / 3);
    const id = `v${Math.floor(random() * 2 ** 30).toString(36)}-${n}`;
    return { id, lane: Math.floor(random() * lanes.length), score } as Visitor;
  });
}

describe('a gateway on its own', () => {
  test('gives turns in the order of scores and ids within each lane, and to lanes by weight', () => {
    const line = new OwnLine();
    let waiting = crowdOf(600, 1);
    const inOrder = (lane: number): string[] =>
      crowdOf(600, 1)
        .filter((visitor) => visitor.lane === lane)
        .sort((one, other) => one.score - other.score || (one.id < other.id ? -1 : 1))
        .map(({ id }) => id);
    const given: Visitor[] = [];
    for (let slot = 0; slot < 10; slot += 1) {
      const next = line.next(10, waiting, lanes);
      expect(next.length).toBe(10);
      given.push(...next);
      waiting = waiting.filter((visitor) => !next.includes(visitor));
    }
    for (const [lane, { weight }] of lanes.entries()) {
      const served = given.filter((visitor) => visitor.lane === lane).map(({ id }) => id);
      expect(served).toEqual(inOrder(lane).slice(0, 10 * weight));
    }
  });

  test('gives everybody a turn when there are more turns than people', () => {
    const waiting = crowdOf(100, 2);
    const next = new OwnLine().next(500, waiting, lanes);
    expect(new Set(next).size).toBe(100);
    expect(new OwnLine().next(5, [], lanes)).toEqual([]);
  });

  test('looks at each of 15,000 about once to find the next fifty', () => {
    let looks = 0;
    const waiting = crowdOf(15_000, 3).map((visitor) => ({
      ...visitor,
      get score() {
        looks += 1;
        return visitor.score;
      },
    }));
    expect(new OwnLine().next(50, waiting, lanes).length).toBe(50);
    expect(looks).toBeLessThan(4 * waiting.length);
  });
});
