import { describe, expect, it } from 'vitest';
import { bucketBound, mostInsideAtAdmission, worstWindow } from '../../check/admission-bound.ts';

const start = 1_800_000_000_000;
const sixty = [{ at: start, ratePerMinute: 3_600, burst: 0 }];

/** What a correct room does at 60 a second: a tick every 50 ms gives three turns. */
function paced(seconds: number, tickMs = 50, perTick = 3): number[] {
  return Array.from({ length: (seconds * 1_000) / tickMs }, (_, tick) =>
    Array.from({ length: perTick }, () => start + tick * tickMs),
  ).flat();
}

/** Every window, one by one: slow and plain. */
function worstByForce(admissions: readonly number[], lapses: readonly number[], perMinute: number): number {
  const bound = 1 + perMinute / 600 + perMinute / 60_000;
  let worst = Number.NEGATIVE_INFINITY;
  for (const from of admissions) {
    for (const to of admissions.filter((time) => time >= from)) {
      const within = (times: readonly number[]) => times.filter((time) => time >= from && time <= to).length;
      worst = Math.max(
        worst,
        within(admissions) - ((to - from) * perMinute) / 60_000 - bound - within(lapses),
      );
    }
  }
  return worst;
}

describe('the bound on admissions', () => {
  it('is the burst or one more than two slots hold', () => {
    expect(bucketBound({ at: 0, ratePerMinute: 3_600, burst: 0 })).toBe(7);
    expect(bucketBound({ at: 0, ratePerMinute: 60, burst: 20 })).toBe(20);
  });

  it('is kept by an even pace at the rate', () => {
    expect(worstWindow(paced(20), [], sixty)?.excess).toBeLessThanOrEqual(0);
  });

  it('is kept by one bucketful at once and then the rate', () => {
    const full = Array.from({ length: 7 }, () => start);
    expect(
      worstWindow([...full, ...paced(5).map((time) => time + 50)], [], sixty)?.excess,
    ).toBeLessThanOrEqual(0);
  });

  it('is broken by one admission more than a full bucket', () => {
    const worst = worstWindow(
      Array.from({ length: 9 }, () => start),
      [],
      sixty,
    );
    expect(worst?.excess).toBeGreaterThan(0);
    expect(worst).toMatchObject({ from: start, to: start, admissions: 9 });
  });

  it('is broken by a rush in the middle of an even pace, which is named', () => {
    const rush = Array.from({ length: 8 }, (_, i) => start + 10_000 + i);
    const worst = worstWindow([...paced(20), ...rush], [], sixty);
    expect(worst?.excess).toBeGreaterThan(0);
    expect(worst?.to).toBeGreaterThanOrEqual(start + 10_000);
  });

  it('is broken in the long run by a pace one percent too high', () => {
    const fast = Array.from({ length: 6_060 }, (_, i) => start + Math.floor((i * 1_000) / 60.6));
    expect(worstWindow(fast, [], sixty)?.excess).toBeGreaterThan(0);
  });

  it('allows a lapsed turn to be given once more, and no second time', () => {
    const full = Array.from({ length: 8 }, () => start);
    expect(worstWindow(full, [start], sixty)?.excess).toBeLessThanOrEqual(0);
    expect(worstWindow([...full, start], [start], sixty)?.excess).toBeGreaterThan(0);
    expect(worstWindow(full, [start - 1], sixty)?.excess).toBeGreaterThan(0);
  });

  it('follows a rate that is changed on the way', () => {
    const halved = [...sixty, { at: start + 10_000, ratePerMinute: 1_800, burst: 0 }];
    const honest = [...paced(10), ...paced(10, 100, 3).map((time) => time + 10_000)];
    expect(worstWindow(honest, [], halved)?.excess).toBeLessThanOrEqual(0);
    expect(worstWindow(paced(20), [], halved)?.excess).toBeGreaterThan(0);
  });

  it('agrees with looking at every window by itself', () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let round = 0; round < 20; round += 1) {
      const admissions = Array.from({ length: 60 }, () => start + random(1_000)).sort((a, b) => a - b);
      const lapses = Array.from({ length: 10 }, () => start + random(1_000));
      expect(worstWindow(admissions, lapses, sixty)?.excess).toBeCloseTo(
        worstByForce(admissions, lapses, 3_600),
        6,
      );
    }
  });

  it('says nothing when nobody was admitted', () => {
    expect(worstWindow([], [], sixty)).toBeUndefined();
  });
});

describe('the count of who is inside', () => {
  it('is taken before each admission and sinks with every end', () => {
    const at = start;
    expect(
      mostInsideAtAdmission([
        { at, kind: 'admitted', visitor: 'a' },
        { at, kind: 'claimed', visitor: 'a' },
        { at, kind: 'admitted', visitor: 'b' },
        { at, kind: 'ended', visitor: 'a' },
        { at, kind: 'lapsed', visitor: 'b' },
        { at, kind: 'admitted', visitor: 'c' },
        { at, kind: 'admitted', visitor: 'd' },
        { at, kind: 'admitted', visitor: 'e' },
      ]),
    ).toBe(2);
  });
});
