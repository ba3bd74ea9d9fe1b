import { expect, test } from 'vitest';
import { PaceMeter } from '../../src/queue/numbers/pace-meter.ts';

type Tick = {
  readonly waiting?: number;
  readonly inside?: number;
  readonly rate?: number;
  readonly serving?: boolean;
};

/** Errors measured over ticks of 50 ms from 10,000 ms on; `admitsAt` says how many a tick admits. */
function measure(
  ticks: number,
  admitsAt: (ms: number) => number,
  at: (ms: number) => Tick = () => ({}),
): number[] {
  const errors: number[] = [];
  const meter = new PaceMeter((error) => errors.push(error));
  for (let i = 0; i < ticks; i += 1) {
    const now = 10_000 + i * 50;
    for (let n = 0; n < admitsAt(now); n += 1) meter.admitted(now);
    const { waiting = 100, inside = 5, rate = 600, serving = true } = at(now);
    meter.tick({ now, waiting, inside }, { ratePerMinute: rate, capacity: 10 }, serving);
  }
  return errors;
}

const everyOther = (ms: number): number => (ms % 100 === 0 ? 1 : 0);

test('ten a second at 600 a minute is no error', () => {
  expect(measure(100, everyOther)).toEqual([0, 0, 0, 0]);
});

test('eight of ten is an error of a fifth, twelve too', () => {
  expect(measure(60, (ms) => (ms % 100 === 0 && ms % 500 !== 0 ? 1 : 0))).toEqual([0.2, 0.2]);
  expect(measure(60, (ms) => everyOther(ms) + (ms % 500 === 0 ? 1 : 0))).toEqual([0.2, 0.2]);
});

test('a rate of one and a half a second may admit one or two', () => {
  const oneAndTwo = (ms: number): number => (ms % 1_000 === 0 ? (ms % 2_000 === 0 ? 1 : 2) : 0);
  expect(measure(100, oneAndTwo, () => ({ rate: 90 }))).toEqual([0, 0, 0, 0]);
});

test.each([
  ['nobody waited', { waiting: 0 }],
  ['the room did not serve', { serving: false }],
  ['capacity was the limit', { inside: 10 }],
  ['the rate changed', { rate: 1_200 }],
])('seconds that a moment touches in which %s do not count', (_why, moment) => {
  const counted = measure(
    120,
    () => 0,
    (ms) => (ms === 12_600 ? moment : {}),
  );
  expect(counted).toEqual([1, 1, 1, 1]);
});

test('a stall in the middle counts as the error that it was', () => {
  const errors: number[] = [];
  const meter = new PaceMeter((error) => errors.push(error));
  for (const now of [10_000, 13_600]) {
    meter.tick({ now, waiting: 9, inside: 0 }, { ratePerMinute: 600, capacity: 10 }, true);
  }
  expect(errors).toEqual([1, 1, 1]);
});

test('a turn that lapsed gives its token to the same second', () => {
  const errors: number[] = [];
  const meter = new PaceMeter((error) => errors.push(error));
  for (let now = 10_000; now <= 11_500; now += 100) {
    if (now < 11_000) meter.admitted(now);
    if (now === 10_300) meter.lapsed(now);
    if (now === 10_300) meter.admitted(now);
    meter.tick({ now, waiting: 9, inside: 0 }, { ratePerMinute: 600, capacity: 10 }, true);
  }
  expect(errors).toEqual([0]);
});
