/** Places that Redis may have given without this gateway having heard of them. */
const unheard = 2 ** 24;
/** Places are numbered by the clock since its last round 70 minutes. */
const roundMs = 2 ** 22;

/**
 * Scores of the places that a gateway gives while Redis is away: behind every place that is known, and with room for
 * those that are not. Numbered by the clock of Redis, so that gateways which know nothing of each other agree on who
 * came first; two visitors of one millisecond at two gateways may get the same score, and stand by their ids.
 */
export class OwnPlaces {
  readonly #base: number;
  #last = 0;

  /** `newest`: the highest score known; `now` and all times in Unix ms of Redis. */
  constructor(newest: number, now: number) {
    this.#base = (Math.floor(newest / unheard) + 2) * unheard - Math.floor(now / roundMs) * roundMs;
  }

  next(now: number): number {
    this.#last = Math.max(this.#last + 1, this.#base + Math.floor(now));
    return this.#last;
  }
}
