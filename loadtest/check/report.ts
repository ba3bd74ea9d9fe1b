import type { Machine } from '../runner/machine.ts';
import { type RoomRecord, timesOf } from './room-record.ts';
import type { Sample } from './room-watch.ts';
import type { Story } from './stories.ts';
import type { Check } from './verdict.ts';

/** What one run leaves behind, as JSON and in words. */
export type Report = {
  readonly variant: string;
  readonly date: string;
  readonly machine: Machine;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  readonly checks: readonly Check[];
  readonly outcomes: Readonly<Record<string, number>>;
  /** Why visitors were left without an answer, counted. */
  readonly unanswered: Readonly<Record<string, number>>;
  /** What went wrong on the way, mended or not, counted. */
  readonly troubles: Readonly<Record<string, number>>;
  /** By second from the first arrival; see {@link timeline}. */
  readonly timeline: readonly Second[];
  readonly delays: Readonly<Record<string, Quantiles>>;
  readonly peakOutbox: number;
};

export type Second = {
  readonly second: number;
  readonly admissions: number;
  readonly waiting: number;
  readonly held: number;
  readonly sold: number;
  readonly outbox: number;
};
export type Quantiles = {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
};

/** The last sample of each second, and the admissions in it. */
export function timeline(
  samples: readonly Sample[],
  record: RoomRecord | undefined,
  start: number,
): readonly Second[] {
  const admissions = new Map<number, number>();
  const secondOf = (at: number): number => Math.floor((at - start) / 1_000);
  for (const at of record === undefined ? [] : timesOf(record, 'admitted')) {
    admissions.set(secondOf(at), (admissions.get(secondOf(at)) ?? 0) + 1);
  }
  const seconds = new Map<number, Second>();
  for (const { at, waiting, held, sold, outbox } of samples) {
    const second = secondOf(at);
    if (second < 0) continue;
    seconds.set(second, { second, admissions: admissions.get(second) ?? 0, waiting, held, sold, outbox });
  }
  return [...seconds.values()];
}

export function delaysOf(
  stories: readonly Story[],
  record: RoomRecord | undefined,
): Readonly<Record<string, Quantiles>> {
  const answered = stories.filter(({ outcome }) => outcome !== 'unanswered');
  const delays: Record<string, readonly number[]> = {
    'join: asked to answered': stories.flatMap(({ arrivedAt, joinedAt }) =>
      joinedAt ? [joinedAt - arrivedAt] : [],
    ),
    'arrival to last answer': answered.map((story) => answerOf(story) - story.arrivedAt),
  };
  const soldOutAt = record?.events.find(({ kind }) => kind === 'queue-ended')?.at;
  if (soldOutAt !== undefined) {
    // Who came after the end was told by the answer to the join.
    delays['sold out to told'] = stories.flatMap(({ outcome, toldAt, joinedAt, ticket }) =>
      outcome === 'told-sold-out' &&
      ticket !== undefined &&
      toldAt !== undefined &&
      (joinedAt ?? 0) < soldOutAt
        ? [toldAt - soldOutAt]
        : [],
    );
  }
  return Object.fromEntries(
    Object.entries(delays).flatMap(([name, values]) =>
      values.length === 0 ? [] : [[name, quantiles(values)]],
    ),
  );
}

function answerOf({ acceptedAt, toldAt, endedAt, arrivedAt }: Story): number {
  return acceptedAt ?? toldAt ?? endedAt ?? arrivedAt;
}

export function quantiles(values: readonly number[]): Quantiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/** What went wrong on the way, counted by kind. */
export function troublesOf(stories: readonly Story[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const kind of stories.flatMap(({ troubles = [] }) => troubles)) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Why visitors were left without an answer, counted. */
export function unansweredBecause(
  stories: readonly Story[],
  visitors: number,
): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { outcome, why = 'nothing was said' } of stories) {
    if (outcome === 'unanswered') counts[why] = (counts[why] ?? 0) + 1;
  }
  if (stories.length < visitors) counts['cut off by the end of the run'] = visitors - stories.length;
  return counts;
}
