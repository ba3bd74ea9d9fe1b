import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Tick } from '../../src/queue/engine.ts';
import { Ticker } from '../../src/queue/ticker.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const idle: Tick = {
  now: 0,
  worked: true,
  admitted: 0,
  nextDeadline: 0,
  waiting: 0,
  inside: 0,
  lapsed: 0,
};

function tickerOf(answer: () => Partial<Tick>, nextChange: () => number | undefined = () => undefined) {
  const calls: number[] = [];
  const ticker = new Ticker({
    tick: async () => {
      calls.push(Date.now());
      return { ...idle, ...answer() };
    },
    now: () => Date.now(),
    isAwake: () => false,
    nextChange,
    onTick: () => undefined,
    onError: () => undefined,
  });
  return { ticker, calls };
}
const hour = 3_600_000;

test('an empty room with nothing ahead is called once and never again, until it is woken', async () => {
  const { ticker, calls } = tickerOf(() => ({}));
  ticker.wake();
  await vi.advanceTimersByTimeAsync(24 * hour);
  expect(calls).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
  ticker.wake();
  await vi.advanceTimersByTimeAsync(50);
  expect(calls).toHaveLength(2);
});

test('a room with somebody inside is called once a minute', async () => {
  const { ticker, calls } = tickerOf(() => ({ inside: 1, nextDeadline: Date.now() + hour }));
  ticker.wake();
  await vi.advanceTimersByTimeAsync(10 * 60_000 + 1_000);
  expect(calls).toHaveLength(11);
});

test.each([hour, -hour])(
  'a sleeping room is woken at once, also when our clock was set by %d ms meanwhile',
  async (set) => {
    const { ticker, calls } = tickerOf(() => ({ inside: 1, nextDeadline: Date.now() + 10 * hour }));
    ticker.wake();
    await vi.advanceTimersByTimeAsync(1_000);
    vi.setSystemTime(Date.now() + set);
    ticker.wake();
    await vi.advanceTimersByTimeAsync(50);
    expect(calls).toHaveLength(2);
  },
);

test('an empty room is called just after a change that its schedule has ahead', async () => {
  const opensAt = Date.now() + hour / 2;
  const { ticker, calls } = tickerOf(
    () => ({}),
    () => (Date.now() < opensAt ? opensAt : undefined),
  );
  ticker.wake();
  await vi.advanceTimersByTimeAsync(3 * hour);
  expect(calls).toHaveLength(2);
  expect((calls[1] ?? 0) - opensAt).toBeGreaterThanOrEqual(0);
  expect((calls[1] ?? 0) - opensAt).toBeLessThan(60);
});

test('a sleeping room can be asked to be called within some time, also during a call', async () => {
  const { ticker, calls } = tickerOf(() => {
    if (calls.length === 1) ticker.wakeWithin(30_000);
    return {};
  });
  ticker.wakeWithin(60_000);
  await vi.advanceTimersByTimeAsync(59_000);
  expect(calls).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(calls).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(29_000);
  expect(calls).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(hour);
  expect(calls).toHaveLength(2);
});
