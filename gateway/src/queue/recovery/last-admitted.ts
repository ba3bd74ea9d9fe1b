import { drawnBelow } from '../draw/draw-score.ts';

/**
 * The last admitted scores of a lane, -1 = nobody yet. There are two: who is drawn stands before all arrivals, and
 * arrivals may have been admitted before the draw.
 */
export type LastAdmitted = { readonly drawn: number; readonly arrived: number };

export const nobodyAdmitted: LastAdmitted = { drawn: -1, arrived: -1 };

/** The one of the kind of `score`. */
export function lastOf({ drawn, arrived }: LastAdmitted, score: number): number {
  return score < drawnBelow ? drawn : arrived;
}

/** Whether somebody of the same kind was admitted who stood there or behind. */
export function isPassed(last: LastAdmitted, score: number): boolean {
  return score <= lastOf(last, score);
}

/** Of a lane in which this place was the last. */
export function lastAt(score: number): LastAdmitted {
  return score < drawnBelow ? { drawn: score, arrived: -1 } : { drawn: -1, arrived: score };
}

/** The higher of both, kind by kind. */
export function raised(one: LastAdmitted, other: LastAdmitted): LastAdmitted {
  return { drawn: Math.max(one.drawn, other.drawn), arrived: Math.max(one.arrived, other.arrived) };
}
