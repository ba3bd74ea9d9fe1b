import { drawKey, drawnScore, unscored } from './draw-score.ts';
import { type DrawState, noDraw } from './draw-state.ts';

/** A room's draw as this gateway knows it, seed included: what it tells of it is decided by who tells. */
export class Draw {
  #state: DrawState = noDraw;
  #key: Buffer | undefined;

  get state(): DrawState {
    return this.#state;
  }

  adopt(state: DrawState): void {
    this.#state = state;
    this.#key = undefined;
  }

  /** The broadcast has told that the draw is made, and what from. */
  made({ doneAt, seed, beacon }: { doneAt: number; seed: string; beacon: string | undefined }): void {
    this.adopt({ ...this.#state, seed, beacon, doneAt, madeAt: this.#state.madeAt || doneAt });
  }

  /** The score of who joined before the opening, from the seed; -1 until the draw is made. */
  scoreOf(visitor: string): number {
    const { seed, beacon, madeAt } = this.#state;
    if (madeAt === 0 || seed === undefined) return unscored;
    this.#key ??= drawKey(seed, beacon);
    return drawnScore(this.#key, visitor);
  }
}
