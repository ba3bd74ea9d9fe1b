import { expect, test } from 'vitest';
import type { Basis } from '../../src/queue/estimate.ts';
import { judge, type Promised, promise } from '../../src/queue/promise.ts';

const basis: Basis = { ratePerMinute: 600, limit: 'rate', lapseShare: 0, perSecond: 10 };
const eta = (p50: number) => ({ p50, p90: p50 * 2 });

function first(p50: number): Promised {
  return promise(undefined, eta(p50), basis, 0).promised;
}

test('an estimate that runs down with the clock keeps the promise', () => {
  const made = first(600);
  for (let second = 0; second <= 600; second += 1) {
    const { promised, reason } = promise(made, eta(600 - second), basis, second * 1_000);
    expect(reason).toBeUndefined();
    expect(promised).toBe(made);
  }
});

test('a change by more than a fifth has a reason, told once', () => {
  const made = first(600);
  expect(promise(made, eta(715), basis, 0).reason).toBeUndefined();
  const moved = promise(made, eta(725), { ...basis, perSecond: 8 }, 0);
  expect(moved.reason).toBe('rate-changed');
  expect(promise(moved.promised, eta(724), { ...basis, perSecond: 8 }, 1_000).reason).toBeUndefined();
  expect(moved.promised).toMatchObject({ first: { p50: 600 }, latest: { p50: 725 } });
});

test('a slow drift is told when it has added up to a fifth', () => {
  let made = first(1_000);
  const told: number[] = [];
  for (let second = 1; second <= 600; second += 1) {
    // The line stands: the estimate stays while the clock runs.
    const noted = promise(made, eta(1_000), basis, second * 1_000);
    if (noted.reason !== undefined) told.push(second);
    made = noted.promised;
  }
  expect(told).toEqual([167, 334, 501]);
});

test('seconds are not worth a reason', () => {
  expect(promise(first(4), eta(9), basis, 0).reason).toBeUndefined();
  expect(promise(first(4), eta(10), basis, 0).reason).toBe('line-changed');
});

test.each([
  ['the operator set another rate', { ratePerMinute: 300, perSecond: 5 }, 'rate-changed'],
  ['capacity has become the limit', { limit: 'capacity', perSecond: 1 }, 'capacity'],
  ['turns lapse and come back', { lapseShare: 0.4, perSecond: 16 }, 'lapses'],
  ['the outflow measured is another', { perSecond: 5 }, 'rate-changed'],
  ['the line moves as before but somebody left it or came back', {}, 'line-changed'],
] as const)('when %s the reason says so', (_why, change, reason) => {
  expect(promise(first(600), eta(1_200), { ...basis, ...change }, 0).reason).toBe(reason);
});

test('after a time without an estimate the next one is a promise of its own', () => {
  const paused: Promised = { ...first(600), latest: undefined };
  const { promised, reason } = promise(paused, eta(900), basis, 60_000);
  expect(reason).toBeUndefined();
  expect(promised).toMatchObject({ first: { p50: 600, at: 0 }, latest: { p50: 900, at: 60_000 } });
});

test('a promise is judged by the wait that it was made for', () => {
  const { latest } = promise(undefined, { p50: 100, p90: 150 }, basis, 10_000).promised;
  if (latest === undefined) throw new Error('nothing was promised');
  expect(judge(latest, 90_000)).toEqual({ outcome: 'early', ratio: 0.8 });
  expect(judge(latest, 110_000)).toEqual({ outcome: 'within', ratio: 1 });
  expect(judge(latest, 160_000)).toEqual({ outcome: 'within', ratio: 1.5 });
  expect(judge(latest, 161_000)).toMatchObject({ outcome: 'late' });
});
