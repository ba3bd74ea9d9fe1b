import type { Sample } from './room-watch.ts';
import { lastAcceptance, type Story } from './stories.ts';

/**
 * How long the outbox took to be empty and stay so after the last order was accepted or paid, ms; 0 when there was
 * no order, undefined when it never was. Exact to the interval of the samples.
 */
export function outboxEmptyAfter(
  samples: readonly Pick<Sample, 'at' | 'outbox'>[],
  stories: readonly Story[],
): number | undefined {
  const last = lastAcceptance(stories);
  if (last === undefined) return 0;
  const lastFull = samples.findLastIndex(({ outbox }) => outbox > 0);
  const empty = samples.slice(lastFull + 1).find(({ at }) => at >= last);
  return empty === undefined ? undefined : empty.at - last;
}
