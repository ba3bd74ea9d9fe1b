import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';
import { appendToOutbox, aReservedOrder, ofPartition, outboxLength } from './outbox-feed.ts';

export type SteadyLoad = { readonly ordersPerSecond: number; readonly seconds: number };

export type SteadyResult = {
  /** Most entries that waited for Postgres. */
  readonly peak: number;
  /** Most of the backlog as a share of what was accepted in the last 2 s, once 2 s have passed. */
  readonly worstShare: number;
  /** From the last acceptance until nothing waited. */
  readonly emptyMs: number;
};

const tickMs = 20;
const windowMs = 2_000;

/** Orders of three transitions each at a steady rate, while the backlog is looked at every 20 ms. */
export async function steadyLoad(
  redis: Redis,
  partitions: number,
  { ordersPerSecond, seconds }: SteadyLoad,
): Promise<SteadyResult> {
  const accepted: { readonly at: number; readonly entries: number }[] = [];
  let [peak, worstShare] = [0, 0];
  const each = Math.round((ordersPerSecond * tickMs) / 1_000);
  const began = performance.now();
  for (let tick = 1; tick <= (seconds * 1_000) / tickMs; tick += 1) {
    for (const step of stepsOf(each, partitions)) {
      for (let p = 0; p < partitions; p += 1) await appendToOutbox(redis, p, ofPartition(step, p));
      accepted.push({ at: performance.now(), entries: step.length });
    }
    const backlog = await outboxLength(redis, partitions);
    const now = performance.now();
    peak = Math.max(peak, backlog);
    if (now - began > windowMs) {
      const recent = accepted.reduce(
        (sum, { at, entries }) => (at > now - windowMs ? sum + entries : sum),
        0,
      );
      worstShare = Math.max(worstShare, backlog / recent);
    }
    await delay(Math.max(0, began + tick * tickMs - now));
  }
  const last = performance.now();
  while ((await outboxLength(redis, partitions)) > 0) await delay(2);
  return { peak, worstShare, emptyMs: performance.now() - last };
}

function stepsOf(count: number, partitions: number): readonly (readonly OrderRecord[])[] {
  const reserved = Array.from({ length: count }, (_, at) =>
    aReservedOrder((at % partitions) + 1, at % partitions),
  );
  const paying = reserved.map((order) => ({ ...order, version: 2, state: 'PAYING' as const, attempt: 1 }));
  const completed = paying.map((order) => ({ ...order, version: 3, state: 'COMPLETED' as const }));
  return [reserved, paying, completed];
}
