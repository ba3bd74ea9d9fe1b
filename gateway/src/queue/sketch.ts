/** How many ranks at the front are known exactly. */
export const exactRanks = 1_000;

/**
 * The rank sketch of a lane: the score of every rank to 1,000 and of each further percent. Turns a score into a
 * rank without asking Redis; exact within the first thousand, within a percent of the queue behind them.
 */
export class RankSketch {
  readonly waiting: number;
  readonly lastAdmitted: number;
  /** Highest score given when this was drawn: what lies above joined later. */
  readonly newest: number;
  /** Ascending scores with their ranks (from 1). */
  readonly #scores: readonly number[];
  readonly #ranks: readonly number[];

  constructor(
    waiting: number,
    lastAdmitted: number,
    newest: number,
    scores: readonly number[],
    ranks: readonly number[],
  ) {
    this.waiting = waiting;
    this.lastAdmitted = lastAdmitted;
    this.newest = newest;
    this.#scores = scores;
    this.#ranks = ranks;
  }

  static readonly empty: RankSketch = new RankSketch(0, 0, 0, [], []);

  /** Decodes `waiting lastAdmitted newest scores|marks` as tick_room.lua writes it: differences of ascending scores. */
  static parse(waiting: number, lastAdmitted: number, newest: number, text: string): RankSketch {
    const [exact = '', marks = ''] = text.split('|');
    const scores: number[] = [];
    const ranks: number[] = [];
    let score = 0;
    for (const step of exact === '' ? [] : exact.split(',')) {
      score += Number(step);
      scores.push(score);
      ranks.push(ranks.length + 1);
    }
    const steps = marks === '' ? [] : marks.split(',');
    const firstPercent = 101 - steps.length;
    steps.forEach((step, i) => {
      score += Number(step);
      scores.push(score);
      ranks.push(Math.ceil((waiting * (firstPercent + i)) / 100));
    });
    return new RankSketch(waiting, lastAdmitted, newest, scores, ranks);
  }

  /**
   * Rank (from 1) of a score: of the visitor that holds it, or the one a visitor of that score would have.
   * Between two marks by interpolation; behind the last known score at the end.
   */
  rankOf(score: number): number {
    const at = lowerBound(this.#scores, score);
    const upper = this.#ranks[at];
    if (upper === undefined) return this.waiting + (this.#scores.at(-1) === score ? 0 : 1);
    const lower = this.#ranks[at - 1] ?? 0;
    if (this.#scores[at] === score || upper - lower <= 1) return upper;
    const from = this.#scores[at - 1] ?? 0;
    const share = (score - from) / ((this.#scores[at] as number) - from);
    return Math.min(upper, Math.max(lower + 1, Math.round(lower + share * (upper - lower))));
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
