type Options = {
  readonly ratePerMinute: number;
  readonly burst: number;
  /** Of the room, when Redis was last heard of. */
  readonly capacityLeft: number;
  /** Among whom all this is shared. */
  readonly gateways: number;
};

/**
 * How many turns one gateway may give by itself: its share of the room's rate, burst and free capacity. The token
 * bucket of lua/include/bucket.lua, for a share: starts empty, never holds more than max(burst, 1 + two slots' worth of
 * the rate). Times are Unix ms of one clock.
 */
export class SharePace {
  readonly #perMs: number;
  readonly #bound: number;
  #tokens = 0;
  #filledAt: number;
  #places: number;

  constructor({ ratePerMinute, burst, capacityLeft, gateways }: Options, now: number) {
    const rate = ratePerMinute / gateways;
    this.#perMs = rate / 60_000;
    this.#bound = Math.max(burst / gateways, 1 + rate / 600);
    this.#places = Math.max(0, Math.floor(capacityLeft / gateways));
    this.#filledAt = now;
  }

  /** Whole turns that may be given now. */
  available(now: number): number {
    this.#tokens = Math.min(this.#bound, this.#tokens + Math.max(0, now - this.#filledAt) * this.#perMs);
    this.#filledAt = now;
    return Math.max(0, Math.min(Math.floor(this.#tokens + 1e-6), this.#places));
  }

  take(): void {
    this.#tokens -= 1;
    this.#places -= 1;
  }

  /** A turn that was given here was not used: its token comes back, as far as the bucket holds it. */
  lapsed(): void {
    this.#tokens = Math.min(this.#bound, this.#tokens + 1);
    this.#places += 1;
  }

  /** A session of a turn that was given here is over. */
  ended(): void {
    this.#places += 1;
  }
}
