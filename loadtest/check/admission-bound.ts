import type { RoomEvent } from './room-record.ts';

/** From `at` (Unix ms) on, until the next; the first reaches back for ever. */
export type Rules = { readonly at: number; readonly ratePerMinute: number; readonly burst: number };

export type WorstWindow = {
  /** How many admissions above the bound the worst window holds; 0 or below: the guarantee was kept. */
  readonly excess: number;
  readonly from: number;
  readonly to: number;
  readonly admissions: number;
  readonly bound: number;
};

/**
 * Guarantee 1 over every window at once: admissions in it <= the integral of the rate over it + B + turns lapsed
 * in it, B = max(burst, 1 + two slots' worth of the rate), the largest B that held since the first event.
 *
 * The worst windows begin and end at an admission, so it is enough to look at those. With
 * `level(t) = integral(t) + lapses(t)` the excess of the window [i, j] is
 * `(j - i + 1) - (level(t_j, its lapses in) - level(t_i, its lapses out)) - B`: one pass that keeps the lowest
 * `i - level(t_i)`. Redis times are whole milliseconds, so a window may be up to a millisecond longer than it looks.
 */
export function worstWindow(
  admissions: readonly number[],
  lapses: readonly number[],
  rules: readonly Rules[],
): WorstWindow | undefined {
  const times = [...admissions].sort((a, b) => a - b);
  const lapsed = [...lapses].sort((a, b) => a - b);
  const integral = integralOf(rules);
  const grain = Math.max(0, ...rules.map((rule) => rule.ratePerMinute)) / 60_000;
  const largest = Math.max(...rules.map(bucketBound));
  let worst: WorstWindow | undefined;
  let lowest = { value: Number.POSITIVE_INFINITY, index: 0 };
  let before = 0;
  let within = 0;
  for (const [index, time] of times.entries()) {
    while ((lapsed[before] ?? Number.POSITIVE_INFINITY) < time) before += 1;
    while ((lapsed[within] ?? Number.POSITIVE_INFINITY) <= time) within += 1;
    const opening = index - integral(time) - before;
    if (opening < lowest.value) lowest = { value: opening, index };
    const counted = index + 1 - integral(time) - within - lowest.value;
    const excess = counted - largest - grain;
    if (worst === undefined || excess > worst.excess) {
      const inWindow = index - lowest.index + 1;
      worst = {
        excess,
        from: times[lowest.index] ?? time,
        to: time,
        admissions: inWindow,
        bound: inWindow - excess,
      };
    }
  }
  return worst;
}

/** B: what the bucket may hold. Two slots are 100 ms. */
export function bucketBound({ ratePerMinute, burst }: Rules): number {
  return Math.max(burst, 1 + ratePerMinute / 600);
}

/** The integral of the rate from the first rule's moment to a time, in admissions. */
function integralOf(rules: readonly Rules[]): (time: number) => number {
  const sorted = [...rules].sort((a, b) => a.at - b.at);
  const [first] = sorted;
  if (first === undefined) throw new Error('the bound needs the rate');
  return (time) => {
    let sum = 0;
    for (const [index, rule] of sorted.entries()) {
      const from = rule.at;
      const to = sorted[index + 1]?.at ?? Number.POSITIVE_INFINITY;
      if (index > 0 && time <= from) break;
      sum += ((Math.min(time, to) - from) * rule.ratePerMinute) / 60_000;
    }
    return sum;
  };
}

/** The most visitors who were inside when somebody was admitted; must stay below the capacity. */
export function mostInsideAtAdmission(events: readonly RoomEvent[]): number {
  const inside = new Set<string>();
  let most = 0;
  for (const { kind, visitor } of events) {
    if (kind === 'admitted') {
      most = Math.max(most, inside.size);
      inside.add(visitor);
    } else if (kind === 'ended' || kind === 'lapsed' || kind === 'left') {
      inside.delete(visitor);
    }
  }
  return most;
}
