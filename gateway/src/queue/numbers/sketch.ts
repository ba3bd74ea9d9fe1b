import { nobodyAdmitted, ofKind, type UpTo } from '../recovery/up-to.ts';

/** How many ranks at the front are known exactly. */
export const exactRanks = 1_000;

/** Ascending scores and their ranks (from 1). */
export type Marks = { readonly scores: readonly number[]; readonly ranks: readonly number[] };

const noMarks: Marks = { scores: [], ranks: [] };

/**
 * The rank sketch of a lane: who stands at each of the first thousand ranks, and the scores of further ranks, a
 * sixtieth part of the queue apart. Tells a visitor's rank without asking Redis: exact within the first thousand,
 * within a percent of the queue behind them.
 */
export class RankSketch {
  readonly waiting: number;
  readonly last: UpTo;
  /** Highest score given when the ranks were drawn: what lies above joined later. */
  readonly newest: number;
  readonly #front: ReadonlyMap<string, number>;
  readonly #marks: Marks;

  constructor(
    waiting: number,
    last: UpTo,
    newest: number,
    front: ReadonlyMap<string, number> = new Map(),
    marks: Marks = noMarks,
  ) {
    this.waiting = waiting;
    this.last = last;
    this.newest = newest;
    this.#front = front;
    this.#marks = marks;
  }

  static readonly empty: RankSketch = new RankSketch(0, nobodyAdmitted, 0);

  withRanks(front: ReadonlyMap<string, number>, marks: Marks): RankSketch {
    return new RankSketch(this.waiting, this.last, this.newest, front, marks);
  }

  /** These counts with the ranks of another sketch, which serve until its own have come. */
  withRanksOf(before: RankSketch | undefined): RankSketch {
    const { newest, front, marks } =
      before === undefined
        ? { newest: 0, front: undefined, marks: undefined }
        : { newest: before.newest, front: before.#front, marks: before.#marks };
    return new RankSketch(this.waiting, this.last, newest, front, marks);
  }

  /**
   * Rank (from 1) of a visitor. Who stands behind the first thousand is found by the score: between two marks by
   * interpolation, never further than a percent of the queue from either; behind the last at the end. `known`: the rank
   * that was known last, 0 = none; it is that of who has come, or come back, since the sketch was drawn.
   */
  rankOf(score: number, visitor = '', known = 0): number {
    const exact = this.#front.get(visitor);
    if (exact !== undefined) return exact;
    if (known > 0 && !this.#isBehindFront(score)) return known;
    // Without marks all that is known of who is not in front is where the line begins and ends.
    const { scores, ranks } =
      this.#marks.scores.length > 0 ? this.#marks : { scores: [this.newest], ranks: [this.waiting] };
    const at = lowerBound(scores, score);
    const upper = ranks[at];
    if (upper === undefined) return this.waiting + 1;
    const [from, lower] =
      at === 0 ? [ofKind(this.last, scores[at] as number), 0] : [scores[at - 1] ?? 0, ranks[at - 1] ?? 0];
    if (scores[at] === score || upper - lower <= 1) return Math.max(1, upper);
    const share = Math.max(0, score - from) / ((scores[at] as number) - from);
    const percent = this.waiting / 100;
    const near = Math.min(Math.max(lower + share * (upper - lower), upper - percent), lower + percent);
    return Math.min(upper, Math.max(lower + 1, Math.round(near)));
  }

  /** Stood there when the sketch was drawn. Of a line that is all in front there are no marks. */
  #isBehindFront(score: number): boolean {
    return score <= this.newest && score > (this.#marks.scores[0] ?? Number.POSITIVE_INFINITY);
  }
}

/** First index whose value is not below `value`. */
function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
