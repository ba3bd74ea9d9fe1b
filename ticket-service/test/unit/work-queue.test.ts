import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WorkQueue } from '../../src/members/work-queue.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A task that ends when told to. */
function task(): {
  readonly run: () => Promise<void>;
  readonly end: () => void;
  readonly started: () => boolean;
} {
  const { promise, resolve } = Promise.withResolvers<void>();
  let started = false;
  return {
    run: () => {
      started = true;
      return promise;
    },
    end: resolve,
    started: () => started,
  };
}

test('runs as many as it may, the others in the order in which they came', async () => {
  const queue = new WorkQueue({ parallelism: 2, maxWaiting: 10, maxWaitMs: 1_000 });
  const tasks = [task(), task(), task(), task()];
  const all = tasks.map(({ run }) => queue.run(run));
  await nextTurn();
  expect(tasks.map(({ started }) => started())).toEqual([true, true, false, false]);
  tasks[1]?.end();
  await nextTurn();
  expect(tasks.map(({ started }) => started())).toEqual([true, true, true, false]);
  for (const { end } of tasks) end();
  await Promise.all(all);
  expect({ running: queue.running, waiting: queue.waiting }).toEqual({ running: 0, waiting: 0 });
});

test('refuses at once when the queue is full, and with a time to come back', async () => {
  const queue = new WorkQueue({ parallelism: 1, maxWaiting: 1, maxWaitMs: 1_000 });
  const [first, second] = [task(), task()];
  const both = [queue.run(first.run), queue.run(second.run)];
  await expect(queue.run(async () => undefined)).rejects.toMatchObject({ code: 'busy', temporary: true });
  first.end();
  second.end();
  await Promise.all(both);
});

test('refuses who has waited too long, and gives the place to the next', async () => {
  const queue = new WorkQueue({ parallelism: 1, maxWaiting: 5, maxWaitMs: 1_000 });
  const first = task();
  const running = queue.run(first.run);
  const late = expect(queue.run(async () => 'late')).rejects.toMatchObject({ code: 'busy' });
  vi.advanceTimersByTime(600);
  const next = queue.run(async () => 'next');
  vi.advanceTimersByTime(500);
  await late;
  first.end();
  await running;
  expect(await next).toBe('next');
});

test('goes on after a task that threw', async () => {
  const queue = new WorkQueue({ parallelism: 1, maxWaiting: 5, maxWaitMs: 1_000 });
  await expect(queue.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(await queue.run(async () => 'fine')).toBe('fine');
});
