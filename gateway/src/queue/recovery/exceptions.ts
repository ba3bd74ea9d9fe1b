import { isPassed, lastAt, nobodyEnded, raised, type UpTo } from './up-to.ts';

/** Most of a lane, as in lua/include/upkeep.lua. */
const mostKept = 1_000_000;

type Exception = { readonly visitor: string; readonly lane: string; readonly score: number };

/**
 * Whose place is not over although the last admitted score has passed it, or will: the absent, who may come back. Of a
 * lane at most a million, those that were added first go first. Memory: some 90 bytes each.
 */
export class Exceptions {
  readonly #lanes = new Map<string, Map<string, number>>();
  #highest = nobodyEnded;

  add({ visitor, lane, score }: Exception): void {
    const scores = this.#lanes.get(lane) ?? new Map<string, number>();
    this.#lanes.set(lane, scores.set(visitor, score));
    this.#highest = raised(this.#highest, lastAt(score));
  }

  delete(visitor: string): void {
    for (const scores of this.#lanes.values()) scores.delete(visitor);
  }

  /** Those whose places ended with the queue: mostly all, and then it is done at once. */
  deleteUpTo(upTo: UpTo): void {
    if (this.#highest.drawn <= upTo.drawn && this.#highest.arrived <= upTo.arrived) {
      this.clear();
      return;
    }
    for (const scores of this.#lanes.values())
      for (const [visitor, score] of scores) if (isPassed(upTo, score)) scores.delete(visitor);
  }

  deleteFirst(): void {
    for (const scores of this.#lanes.values())
      for (const visitor of scores.keys()) {
        if (scores.size <= mostKept) break;
        scores.delete(visitor);
      }
  }

  *all(): Generator<Exception> {
    for (const [lane, scores] of this.#lanes)
      for (const [visitor, score] of scores) yield { visitor, lane, score };
  }

  clear(): void {
    this.#lanes.clear();
    this.#highest = nobodyEnded;
  }
}
