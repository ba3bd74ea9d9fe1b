import type { VisitorEvent } from './visitor-events.ts';

const windowSeconds = 60;
/** What a prior expectation weighs, in admissions: after as many measured ones it counts for half. */
const priorAdmissions = 10;
/** Shares are of the last minutes: what is this old counts for half. */
const halfLifeMs = 300_000;
/** Turns whose length is measured at a time. */
const mostStays = 1_000;
/** What the expected length of a stay weighs, in stays. */
const priorStays = 5;

/** Who waits and who is inside, as the room's broadcast tells once a second. */
export type Sample = { readonly waiting: number; readonly inside: number; readonly capacity: number };

/**
 * What a room's broadcast tells of its flow: admissions really made, over the last minute; what share of them lapses
 * or goes to somebody who had a turn before; how many of who waits give up; how long a turn and its session last. All
 * gateways hear all of it, so all measure the same.
 */
export class Outflow {
  readonly #counts = new Array<number>(windowSeconds).fill(0);
  #second = 0;
  #since = 0;
  #measuredAt = 0;
  #measured = { admissions: 0, seconds: 0 };
  #full = false;
  readonly #admitted = new Fading();
  readonly #lapsed = new Fading();
  readonly #again = new Fading();
  readonly #gone = new Fading();
  readonly #waited = new Fading();
  #sampledAt = 0;
  /** When turns under measurement were given, Unix ms, and the mean of those that are over. */
  readonly #inside = new Map<number, number>();
  #stays = 0;
  #meanStayMs = 0;

  /** `now` in Unix ms of Redis, as everywhere here. */
  heard(event: VisitorEvent, now: number): void {
    switch (event.type) {
      case 'admitted':
        this.#admit(event.turn, now);
        return;
      case 'lapsed':
        this.#lapsed.add(1, now);
        this.#end(event.turn, now);
        return;
      case 'waits-again':
        this.#lapsed.add(1, now);
        this.#again.add(1, now);
        this.#end(event.turn, now);
        return;
      case 'ended':
        this.#end(event.turn, now);
        return;
      case 'out':
        if (event.turn === 0) this.#gone.add(1, now);
        else this.#end(event.turn, now);
        return;
      case 'abandoned':
        this.#gone.add(1, now);
        return;
      default:
        return;
    }
  }

  sampled({ waiting, inside, capacity }: Sample, now: number): void {
    const seconds = Math.min(5, Math.max(0, (now - this.#sampledAt) / 1_000));
    if (this.#sampledAt > 0) this.#waited.add(waiting * seconds, now);
    this.#sampledAt = now;
    const full = this.#full ? inside >= capacity * 0.9 : inside >= capacity;
    // Admissions that the rate allowed say nothing of what capacity allows, nor the other way round.
    if (full !== this.#full) this.restart(now);
    this.#full = full;
  }

  /** A change of rate or state makes what was measured before worthless; shares and stays remain. */
  restart(now: number): void {
    this.#counts.fill(0);
    this.#second = Math.floor(now / 1_000);
    this.#since = this.#second;
    this.#measuredAt = 0;
  }

  /** Whether capacity is what holds admissions back. */
  get isFull(): boolean {
    return this.#full;
  }

  /** Admissions a second over the whole seconds measured; undefined before five of them. */
  perSecond(now: number): number | undefined {
    const { admissions, seconds } = this.#measure(now);
    return seconds < 5 ? undefined : admissions / seconds;
  }

  /**
   * Admissions a second to reckon with where `expected` is what the rules let expect: the mean of the Gamma
   * distribution that a prior of ten admissions at that rate and a Poisson count of those measured give. It follows
   * what is measured as fast as there is something measured, and does not jump with each single admission.
   */
  expectedPerSecond(expected: number, now: number): number {
    if (!(expected > 0)) return 0;
    const { admissions, seconds } = this.#measure(now);
    return (admissions + priorAdmissions) / (seconds + priorAdmissions / expected);
  }

  /** Share of turns that lapse and whose token comes back. Lapses come a claim window late: rather too low. */
  lapseShare(now: number): number {
    return Math.min(0.9, this.#lapsed.at(now) / (this.#admitted.at(now) + priorAdmissions));
  }

  /** Share of turns that go to somebody who had one before and stands in front again. */
  repeatedShare(now: number): number {
    return Math.min(0.9, this.#again.at(now) / (this.#admitted.at(now) + priorAdmissions));
  }

  /** Share of those waiting who give up, a second: left, or struck for absence. */
  leavingPerSecond(now: number): number {
    const waited = this.#waited.at(now);
    return waited > 0 ? this.#gone.at(now) / (waited + 60) : 0;
  }

  /** How long a turn and its session last in the mean, seconds; `expected` until there is something measured. */
  staySeconds(expected: number): number {
    const measured = (this.#stays * this.#meanStayMs) / 1_000;
    return (measured + priorStays * expected) / (this.#stays + priorStays);
  }

  #admit(turn: number, now: number): void {
    const at = this.#turnTo(now) % windowSeconds;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#admitted.add(1, now);
    if (this.#inside.size < mostStays) this.#inside.set(turn, now);
  }

  #end(turn: number, now: number): void {
    const since = this.#inside.get(turn);
    if (since === undefined) return;
    this.#inside.delete(turn);
    this.#stays = Math.min(200, this.#stays + 1);
    this.#meanStayMs += (now - since - this.#meanStayMs) / this.#stays;
  }

  #measure(now: number): { readonly admissions: number; readonly seconds: number } {
    const second = this.#turnTo(now);
    if (second === this.#measuredAt) return this.#measured;
    const seconds = Math.min(windowSeconds - 1, second - this.#since);
    let admissions = 0;
    for (let back = 1; back <= seconds; back += 1)
      admissions += this.#counts[(second - back) % windowSeconds] ?? 0;
    this.#measuredAt = second;
    this.#measured = { admissions, seconds };
    return this.#measured;
  }

  #turnTo(now: number): number {
    const second = Math.floor(now / 1_000);
    if (this.#since === 0) this.#since = second;
    const passed = Math.min(windowSeconds, second - this.#second);
    for (let i = 1; i <= passed; i += 1) this.#counts[(this.#second + i) % windowSeconds] = 0;
    if (second > this.#second) this.#second = second;
    return Math.max(second, this.#second);
  }
}

/** A sum in which what is old counts ever less. */
class Fading {
  #value = 0;
  #at = 0;

  add(value: number, now: number): void {
    this.#value = this.at(now) + value;
    this.#at = Math.max(now, this.#at);
  }

  at(now: number): number {
    return this.#value * 2 ** (-Math.max(0, now - this.#at) / halfLifeMs);
  }
}
