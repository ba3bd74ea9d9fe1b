import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import { type Job, Slots } from '../../src/data-plane/proxy-slots.ts';

type Log = { readonly ran: number[]; readonly refused: number[]; job(id: number): Job };

function log(): Log {
  const ran: number[] = [];
  const refused: number[] = [];
  return { ran, refused, job: (id) => ({ run: () => ran.push(id), refuse: () => refused.push(id) }) };
}

test('runs so many, lets so many wait in order, refuses the rest', () => {
  const { ran, refused, job } = log();
  const slots = new Slots({ running: 2, waiting: 2, waitMs: 60_000 });
  const jobs = [0, 1, 2, 3, 4].map(job);
  for (const it of jobs) slots.take(it);
  expect([ran, refused]).toEqual([[0, 1], [4]]);
  const [, , dropped] = jobs;
  if (dropped !== undefined) slots.drop(dropped);
  slots.free();
  expect(ran).toEqual([0, 1, 3]);
  slots.free();
  slots.free();
  expect([slots.running, slots.waiting]).toEqual([0, 0]);
  slots.close();
});

test('refuses those who waited too long, each at its own time', async () => {
  const { ran, refused, job } = log();
  const slots = new Slots({ running: 1, waiting: 10, waitMs: 60 });
  slots.take(job(0));
  slots.take(job(1));
  await until(() => refused.length === 1);
  slots.take(job(2));
  await until(() => refused.length === 2);
  slots.take(job(3));
  slots.free();
  expect([ran, refused]).toEqual([
    [0, 3],
    [1, 2],
  ]);
  slots.close();
});

test('refuses everybody who waits when it closes', () => {
  const { refused, job } = log();
  const slots = new Slots({ running: 0, waiting: 10, waitMs: 60_000 });
  slots.take(job(1));
  slots.take(job(2));
  slots.close();
  expect(refused).toEqual([1, 2]);
  expect(slots.waiting).toBe(0);
});
