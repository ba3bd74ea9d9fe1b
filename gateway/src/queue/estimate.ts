import type { Eta } from '@ropeline/core/protocol/status.ts';

const windowSeconds = 60;

/** Admissions really made, over the last minute. All gateways hear all of them, so all measure the same. */
export class Outflow {
  readonly #counts = new Array<number>(windowSeconds).fill(0);
  #second = 0;
  #since = 0;
  #measuredAt = 0;
  #measured: number | undefined;

  /** `now` in Unix ms. */
  admitted(count: number, now: number): void {
    const second = this.#turn(now);
    this.#counts[second % windowSeconds] = (this.#counts[second % windowSeconds] ?? 0) + count;
  }

  /** A change of rate or state makes what was measured before worthless. */
  restart(now: number): void {
    this.#counts.fill(0);
    this.#second = Math.floor(now / 1_000);
    this.#since = this.#second;
    this.#measuredAt = 0;
  }

  /** Admissions a second over the whole seconds measured; undefined before five of them. */
  perSecond(now: number): number | undefined {
    const second = this.#turn(now);
    if (second !== this.#measuredAt) {
      this.#measuredAt = second;
      this.#measured = this.#measure(second);
    }
    return this.#measured;
  }

  #measure(second: number): number | undefined {
    const measured = Math.min(windowSeconds - 1, second - this.#since);
    if (measured < 5) return undefined;
    let sum = 0;
    for (let back = 1; back <= measured; back += 1) sum += this.#counts[(second - back) % windowSeconds] ?? 0;
    return sum / measured;
  }

  #turn(now: number): number {
    const second = Math.floor(now / 1_000);
    if (this.#since === 0) this.#since = second;
    const passed = Math.min(windowSeconds, second - this.#second);
    for (let i = 1; i <= passed; i += 1) this.#counts[(this.#second + i) % windowSeconds] = 0;
    if (second > this.#second) this.#second = second;
    return Math.max(second, this.#second);
  }
}

/**
 * Seconds until `ahead` others have been admitted at `perSecond`: the median is ahead / rate; the ninth decile adds
 * 1.28 standard deviations of a Poisson outflow (sqrt(ahead) / rate) and a fifth for a rate that may fall.
 */
export function estimate(ahead: number, perSecond: number): Eta | null {
  if (!(perSecond > 0)) return null;
  const p50 = ahead / perSecond;
  const p90 = 1.2 * p50 + (1.28 * Math.sqrt(ahead)) / perSecond;
  return { p50: Math.ceil(p50), p90: Math.ceil(p90) };
}
