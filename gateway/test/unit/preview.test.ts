import { expect, test } from 'vitest';
import { outlookOf, type Situation } from '../../src/control-plane/preview.ts';
import { defaultRules } from '../../src/queue/rules.ts';

const line = (waiting: number, more: Partial<Situation> = {}): Situation => ({
  lanes: [{ lane: 'standard', weight: 1, waiting }],
  inside: 0,
  freeUnits: null,
  lapseShare: 0,
  repeatedShare: 0,
  leavingPerSecond: 0,
  staySeconds: 300,
  ...more,
});
const under = (ratePerMinute: number, capacity: number) => ({
  admission: { ...defaultRules.admission, ratePerMinute, capacity },
});
const question = { lane: 0, positions: [1, 100, 1_000, 10_000], unitsPerEntry: 1 };

test('a rate that capacity can bear bounds admissions itself, and twice the rate halves the wait', () => {
  const slow = outlookOf(line(6_000), under(300, 2_000), question);
  const fast = outlookOf(line(6_000), under(600, 4_000), question);
  expect(slow).toMatchObject({ limit: 'rate', admissionsPerMinute: 300, capacityReachedInSeconds: null });
  expect(slow.lastInSeconds?.p50).toBe(1_200);
  expect(fast.lastInSeconds?.p50).toBe(600);
  expect(slow.waits.map(({ position }) => position)).toEqual([1, 100, 1_000, 6_000]);
  for (const { etaSeconds } of slow.waits)
    expect(etaSeconds?.p90).toBeGreaterThanOrEqual(etaSeconds?.p50 ?? -1);
});

test('capacity divided by the length of a stay bounds a rate that is above it', () => {
  const outlook = outlookOf(line(6_000), under(1_200, 2_000), question);
  // 2,000 places for 300 s each: 400 a minute. Until they are all taken, the rate: 2,000 / (20 - 6.67) = 150 s.
  expect(outlook).toMatchObject({
    limit: 'capacity',
    admissionsPerMinute: 400,
    capacityReachedInSeconds: 150,
  });
  // 150 s at 20 a second give 3,000; the other 3,000 take 450 s.
  expect(outlook.lastInSeconds?.p50).toBe(600);
});

test('who is inside already leaves less of the capacity to begin with', () => {
  const empty = outlookOf(line(6_000), under(1_200, 2_000), question);
  const full = outlookOf(line(6_000, { inside: 2_000 }), under(1_200, 2_000), question);
  expect(full.capacityReachedInSeconds).toBe(0);
  expect(full.lastInSeconds?.p50).toBeGreaterThan(empty.lastInSeconds?.p50 ?? Number.POSITIVE_INFINITY);
});

test('the stock runs out with the entry that takes its last unit, and says for how many of the line it lasts', () => {
  const outlook = outlookOf(line(6_000, { freeUnits: 1_000 }), under(300, 10_000), {
    ...question,
    unitsPerEntry: 2,
  });
  expect(outlook.stock).toEqual({ free: 1_000, runsOutInSeconds: 100, served: 500 });
  const plenty = outlookOf(line(10, { freeUnits: 1_000 }), under(300, 10_000), question);
  expect(plenty.stock).toEqual({ free: 1_000, runsOutInSeconds: null, served: 10 });
  const gone = outlookOf(line(10, { freeUnits: 0 }), under(300, 10_000), question);
  expect(gone.stock).toEqual({ free: 0, runsOutInSeconds: 0, served: 0 });
});

test('a lane of three times the weight is through three times as fast while both have somebody in line', () => {
  const lanes = [
    { lane: 'standard', weight: 1, waiting: 3_000 },
    { lane: 'priority', weight: 3, waiting: 3_000 },
  ];
  const { lanes: seen, lastInSeconds } = outlookOf(line(0, { lanes }), under(600, 100_000), question);
  expect(seen.map(({ lastInSeconds: last }) => last?.p50)).toEqual([600, 400]);
  expect(lastInSeconds?.p50).toBe(600);
});

test('a rate of nought means never, an empty line means now', () => {
  const stopped = outlookOf(line(5), under(0, 100), question);
  expect(stopped).toMatchObject({ limit: 'stopped', admissionsPerMinute: 0, lastInSeconds: null });
  expect(stopped.waits).toEqual([
    { position: 1, etaSeconds: null },
    { position: 5, etaSeconds: null },
  ]);
  const empty = outlookOf(line(0), under(60, 100), question);
  expect(empty).toMatchObject({ lastInSeconds: { p50: 0, p90: 0 }, waits: [] });
});

test('turns that lapse come back as tokens, so the line moves faster', () => {
  const outlook = outlookOf(line(6_000, { lapseShare: 0.5 }), under(300, 100_000), question);
  expect(outlook.admissionsPerMinute).toBe(600);
});
