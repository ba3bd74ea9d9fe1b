import type { Marks, RankSketch } from './sketch.ts';

/** A part of a rank sketch: who stands from rank `from` on, and some marks. */
export type SketchPiece = {
  /** How many pieces follow. */
  readonly left: number;
  readonly from: number;
  readonly ids: readonly string[];
  readonly marks: Marks;
};

/** Decodes `left from ids marks` of a `p` line (lua/include/sketch.lua). */
export function parsePiece(left: number, from: number, ids: string, marks: string): SketchPiece {
  const scores: number[] = [];
  const ranks: number[] = [];
  for (const mark of marks === '' ? [] : marks.split(',')) {
    const colon = mark.indexOf(':');
    ranks.push(Number(mark.slice(0, colon)));
    scores.push(Number(mark.slice(colon + 1)));
  }
  return { left, from, ids: ids === '' ? [] : ids.split(','), marks: { scores, ranks } };
}

/**
 * A rank sketch that is coming in pieces, a slot of the tick each, from the back of the queue to its front. One that
 * lacks a piece never becomes a sketch: the one before serves until the next.
 */
export class SketchDraft {
  readonly #counts: RankSketch;
  #awaited: number;
  /** From the back to the front, as they came. */
  readonly #pieces: SketchPiece[] = [];

  constructor(counts: RankSketch, pieces: number) {
    this.#counts = counts;
    this.#awaited = pieces - 1;
  }

  /** The whole sketch when this was the last piece. */
  add(piece: SketchPiece): RankSketch | undefined {
    if (piece.left !== this.#awaited) {
      this.#awaited = -1;
      return undefined;
    }
    this.#pieces.push(piece);
    this.#awaited -= 1;
    return piece.left === 0 ? this.#counts.withRanks(this.#front(), this.#marks()) : undefined;
  }

  /** Who moved up while the pieces were drawn is in two of them: the later one, further in front, is right. */
  #front(): ReadonlyMap<string, number> {
    const front = new Map<string, number>();
    for (const { from, ids } of this.#pieces) {
      for (let i = 0; i < ids.length; i += 1) front.set(ids[i] as string, from + i);
    }
    return front;
  }

  /** Marks of two pieces may have passed each other in a short queue that moves fast; one of the two is left out. */
  #marks(): Marks {
    const scores: number[] = [];
    const ranks: number[] = [];
    for (const { marks } of this.#pieces.toReversed()) {
      marks.scores.forEach((score, i) => {
        const rank = marks.ranks[i] as number;
        if (score <= (scores.at(-1) ?? -1) || rank <= (ranks.at(-1) ?? 0)) return;
        scores.push(score);
        ranks.push(rank);
      });
    }
    return { scores, ranks };
  }
}
