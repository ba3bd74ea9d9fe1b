import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RecentEvents } from '../../src/queue/visitors/recent-events.ts';

const start = 1_800_000_000_000;
const known = { state: 'waiting', sequence: 1 } as const;

beforeEach(() => {
  vi.useFakeTimers({ now: start, toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test.each([
  ['runs on', 0],
  ['was set back by an hour', -3_600_000],
  ['jumped forward by an hour', 3_600_000],
])('what was told is kept for four seconds and not for twenty, when the clock %s', (_, jump) => {
  const events = new RecentEvents();
  events.add('first', known);
  vi.setSystemTime(start + 3_900);
  events.add('second', known);
  expect(events.get('first')).toEqual(known);
  for (let ms = 0; ms <= 20_000; ms += 1_000) {
    vi.setSystemTime(start + jump + 3_900 + ms);
    events.add('later', known);
  }
  expect([events.get('first'), events.get('second'), events.get('later')]).toEqual([
    undefined,
    undefined,
    known,
  ]);
});
