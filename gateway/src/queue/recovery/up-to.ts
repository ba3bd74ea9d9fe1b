import { drawnBelow } from '../draw/draw-score.ts';

/**
 * Up to which scores places are over. There are two of each bound: who is drawn stands before all arrivals, and arrivals
 * may have been admitted, or have ended with the queue, before the draw.
 */
export type UpTo = { readonly drawn: number; readonly arrived: number };

/** Last admitted scores of a lane in which nobody was. */
export const nobodyAdmitted: UpTo = { drawn: -1, arrived: -1 };

/** Where the queue has never ended: -1 is who is to be drawn. */
export const nobodyEnded: UpTo = { drawn: -2, arrived: -2 };

/** The bound of the kind of `score`. */
export function ofKind({ drawn, arrived }: UpTo, score: number): number {
  return score < drawnBelow ? drawn : arrived;
}

/** Whether the place is over by the bound of its kind. */
export function isPassed(upTo: UpTo, score: number): boolean {
  return score <= ofKind(upTo, score);
}

/** Up to this place of its kind, and nothing of the other. */
export function lastAt(score: number): UpTo {
  return score < drawnBelow ? { ...nobodyEnded, drawn: score } : { ...nobodyEnded, arrived: score };
}

/** The higher of both, kind by kind. */
export function raised(one: UpTo, other: UpTo): UpTo {
  return { drawn: Math.max(one.drawn, other.drawn), arrived: Math.max(one.arrived, other.arrived) };
}
