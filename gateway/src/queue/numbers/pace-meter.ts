const perMinute = 60;
/** Events of a second may arrive this long after it: the broadcast is asynchronous. */
const settleMs = 500;

type TickFacts = {
  /** Redis time, Unix ms. */
  readonly now: number;
  /** After the tick's admissions. */
  readonly waiting: number;
  readonly inside: number;
};

/**
 * The pacing error of a room, per second of Redis time. A second counts when during all of it somebody waited, the
 * room was serving, the rate was the same and capacity was not the limit. Then
 *
 *     error = distance of the admissions made from what the rate allows / what the rate allows
 *
 * where the rate allows rate / 60 a second, and a further one for each turn that lapsed in that second (its token
 * comes back); where that is no whole number, both neighbours are right. Admissions of all gateways count, as the
 * broadcast tells them; ticks are those of this gateway, which sees the room's state often enough with any share.
 */
export class PaceMeter {
  readonly #observe: (error: number) => void;
  readonly #admitted = new Map<number, number>();
  readonly #lapsed = new Map<number, number>();
  #rate = 0;
  /** Start of the unbroken time in which every tick found the room at work; 0 = none. */
  #since = 0;
  #nextSecond = 0;

  constructor(observe: (error: number) => void) {
    this.#observe = observe;
  }

  admitted(now: number): void {
    count(this.#admitted, now);
  }

  lapsed(now: number): void {
    count(this.#lapsed, now);
  }

  tick(
    tick: TickFacts,
    admission: { readonly ratePerMinute: number; readonly capacity: number },
    serving: boolean,
  ): void {
    const { ratePerMinute: rate, capacity } = admission;
    const atWork = serving && rate > 0 && tick.waiting > 0 && tick.inside < capacity;
    if (!atWork) this.#since = 0;
    else if (this.#since === 0 || rate !== this.#rate) this.#begin(tick.now, rate);
    else this.#measure(tick.now);
    this.#forget(tick.now);
  }

  #begin(now: number, rate: number): void {
    this.#since = now;
    this.#rate = rate;
    this.#nextSecond = Math.ceil(now / 1_000);
  }

  #measure(now: number): void {
    while ((this.#nextSecond + 1) * 1_000 + settleMs <= now) {
      const second = this.#nextSecond;
      const admitted = this.#admitted.get(second) ?? 0;
      const allowed = this.#rate / perMinute + (this.#lapsed.get(second) ?? 0);
      const off = Math.max(0, admitted - Math.ceil(allowed), Math.floor(allowed) - admitted);
      this.#observe(off / allowed);
      this.#nextSecond = second + 1;
    }
  }

  /** Seconds that were measured, or never will be. */
  #forget(now: number): void {
    const before = this.#since === 0 ? Math.floor((now - settleMs) / 1_000) - 1 : this.#nextSecond;
    for (const counts of [this.#admitted, this.#lapsed]) {
      for (const second of counts.keys()) if (second < before) counts.delete(second);
    }
  }
}

function count(counts: Map<number, number>, now: number): void {
  const second = Math.floor(now / 1_000);
  counts.set(second, (counts.get(second) ?? 0) + 1);
}
