import type { Eta, Reason } from '@ropeline/core/protocol/status.ts';
import type { Basis } from './estimate.ts';

/** An estimate that a visitor was told, when (Unix ms of Redis), and what it was made from. */
export type Told = Eta & { readonly at: number; readonly basis: Basis };

/** What a waiting visitor was promised on this gateway: at first, and since the estimate moved last. */
export type Promised = {
  readonly first: Told;
  /** Undefined while there is no estimate: the room is paused, or Redis away. */
  readonly latest: Told | undefined;
};

export const promises = ['first', 'latest'] as const satisfies readonly (keyof Promised)[];
export const outcomes = ['early', 'within', 'late'] as const;
export type Outcome = (typeof outcomes)[number];

/** What an estimate may move before it is a new one: a fifth, and what the rounding to seconds hides. */
const mostMove = 0.2;
const leastMoveSeconds = 5;

/**
 * Takes note of an estimate that a visitor is told now. An estimate that runs down with the clock keeps the promise;
 * one that is off by more than a fifth of what should be left is a new promise and has a reason, told this once.
 * Measuring against the promise and not against the estimate told last lets no slow drift pass, and nothing flap.
 */
export function promise(
  before: Promised | undefined,
  eta: Eta,
  basis: Basis,
  now: number,
): { readonly promised: Promised; readonly reason: Reason | undefined } {
  const told: Told = { ...eta, at: now, basis };
  const { first, latest } = before ?? { first: told, latest: undefined };
  if (before === undefined || latest === undefined)
    return { promised: { first, latest: told }, reason: undefined };
  const left = Math.max(0, latest.p50 - (now - latest.at) / 1_000);
  const moved = Math.abs(eta.p50 - left);
  if (moved <= leastMoveSeconds || moved <= left * mostMove) return { promised: before, reason: undefined };
  return { promised: { first, latest: told }, reason: reasonOfMove(latest.basis, basis) };
}

/** The first that applies. What is none of the others: the measured outflow itself, or who is in line before. */
function reasonOfMove(before: Basis, now: Basis): Reason {
  if (before.ratePerMinute !== now.ratePerMinute) return 'rate-changed';
  if (before.limit !== now.limit) return 'capacity';
  if (Math.abs(now.perSecond - before.perSecond) <= before.perSecond * (mostMove / 2)) return 'line-changed';
  return Math.abs(now.lapseShare - before.lapseShare) > mostMove / 2 ? 'lapses' : 'rate-changed';
}

/** How a promise came out for a visitor whose turn came at `now`; `ratio` = the wait as a multiple of the median. */
export function judge(told: Told, now: number): { readonly outcome: Outcome; readonly ratio: number } {
  const waited = Math.max(0, (now - told.at) / 1_000);
  const outcome = waited < told.p50 ? 'early' : waited <= told.p90 ? 'within' : 'late';
  return { outcome, ratio: waited / Math.max(1, told.p50) };
}
