import type { RoomEvent } from '../../src/queue/broadcast.ts';
import type { Found } from '../../src/queue/engine.ts';

export type ModelRules = {
  ratePerMinute: number;
  burst: number;
  capacity: number;
  maxWaiting: number;
  paused: boolean;
};
export type Place = { readonly visitor: string; readonly lane: number; readonly score: number };
type Turn = {
  readonly place: Place;
  readonly turn: number;
  readonly claimBy: number;
  readonly lapses: number;
};
type Session = { readonly turn: number; readonly deadline: number };

/**
 * The queue of a room as it is promised, in memory and one step at a time. Times are Unix ms of Redis. Whatever the
 * scripts answer is compared with it; what only the moment of a call decides (a token more or less) it is told.
 */
export class QueueModel {
  readonly rules: ModelRules;
  readonly waiting: Place[][];
  readonly admitted = new Map<string, Turn>();
  readonly active = new Map<string, Session>();
  readonly over = new Map<string, 'lapsed' | 'left'>();
  /** Lapses and turn of those who wait again. */
  readonly again = new Map<string, { readonly lapses: number; readonly turn: number }>();
  readonly #windowMs: number;
  readonly #sessionMs: number;
  readonly #lapsesAllowed: number;
  #bucket = 0;
  #filledAt: number;
  lastTurn = 0;
  lastScore = 0;

  constructor(
    now: number,
    rules: ModelRules,
    options: { lanes: number; windowMs: number; sessionMs: number; lapsesAllowed: number },
  ) {
    this.rules = rules;
    this.#filledAt = now;
    this.waiting = Array.from({ length: options.lanes }, () => []);
    this.#windowMs = options.windowMs;
    this.#sessionMs = options.sessionMs;
    this.#lapsesAllowed = options.lapsesAllowed;
  }

  get waitingCount(): number {
    return this.waiting.reduce((sum, lane) => sum + lane.length, 0);
  }

  get inside(): number {
    return this.admitted.size + this.active.size;
  }

  /** B of guarantee 1. */
  get bound(): number {
    return Math.max(this.rules.burst, 1 + this.rules.ratePerMinute / 600);
  }

  tokensAt(now: number): number {
    const filled = this.#bucket + (Math.max(0, now - this.#filledAt) * this.rules.ratePerMinute) / 60_000;
    return Math.min(this.bound, filled);
  }

  /** An idle room: everything but the token, which is a matter of the moment. */
  get mayPass(): boolean {
    return !this.rules.paused && this.waitingCount === 0 && this.inside < this.rules.capacity;
  }

  change(now: number, to: Partial<ModelRules>): void {
    this.#keep(this.tokensAt(now), now);
    Object.assign(this.rules, to);
  }

  wait(place: Place): void {
    const lane = this.#lane(place.lane);
    lane.push(place);
    lane.sort((a, b) => a.score - b.score);
    this.lastScore = Math.max(this.lastScore, place.score);
  }

  /** A join that passed at once. */
  pass(now: number, place: Place): Turn {
    this.#keep(this.tokensAt(now) - 1, now);
    this.lastScore = place.score;
    return this.#admit(now, place);
  }

  /** What a tick that works must publish but for the admissions, and how many of those it must make. */
  tick(now: number): { events: RoomEvent[]; lapsed: number; admissions: number } {
    const events: RoomEvent[] = [];
    for (const [visitor, { turn }] of due(this.active, ({ deadline }) => deadline, now)) {
      this.active.delete(visitor);
      events.push({ type: 'ended', visitor, turn, reason: 'expired' });
    }
    const lapsed = due(this.admitted, ({ claimBy }) => claimBy, now);
    for (const [visitor, { turn, lapses, place }] of lapsed) {
      this.admitted.delete(visitor);
      if (lapses < this.#lapsesAllowed) {
        this.again.set(visitor, { lapses: lapses + 1, turn });
        this.wait(place);
        events.push({ type: 'waits-again', visitor, score: place.score, turn });
      } else {
        this.over.set(visitor, 'lapsed');
        events.push({ type: 'lapsed', visitor, turn });
      }
    }
    const tokens = this.tokensAt(now) + lapsed.length;
    const free = this.rules.capacity - this.inside;
    const admissions = this.rules.paused
      ? 0
      : Math.max(0, Math.min(Math.floor(tokens + 1e-6), free, this.waitingCount));
    this.#keep(tokens - admissions, now);
    return { events, lapsed: lapsed.length, admissions };
  }

  /** The first of the lane that is chosen; undefined if somebody else stands first. */
  admitFirst(now: number, visitor: string): Turn | undefined {
    const lane = this.waiting.find(([first]) => first?.visitor === visitor);
    const place = lane?.shift();
    return place === undefined ? undefined : this.#admit(now, place);
  }

  claim(now: number, visitor: string): Session {
    const { turn } = this.admitted.get(visitor) as Turn;
    const session = { turn, deadline: now + this.#sessionMs };
    this.admitted.delete(visitor);
    this.active.set(visitor, session);
    return session;
  }

  renew(now: number, visitor: string): number {
    const deadline = now + this.#sessionMs;
    this.active.set(visitor, { ...(this.active.get(visitor) as Session), deadline });
    return deadline;
  }

  /** Whether there was anything to leave. */
  leave(visitor: string): boolean {
    if (this.active.delete(visitor)) return true;
    const lane = this.waiting.find((places) => places.some((place) => place.visitor === visitor));
    if (lane === undefined && !this.admitted.delete(visitor)) return false;
    lane?.splice(
      lane.findIndex((place) => place.visitor === visitor),
      1,
    );
    this.again.delete(visitor);
    this.over.set(visitor, 'left');
    return true;
  }

  /** What a look-up of a place that was given in this epoch must find. */
  find({ visitor, lane, score }: Place): Omit<Found, 'sequence'> {
    const rank = this.#lane(lane).findIndex((place) => place.visitor === visitor);
    const at = { score, deadline: 0, turn: 0, rank: 0 };
    if (rank >= 0) return { ...at, state: 'waiting', rank, turn: this.again.get(visitor)?.turn ?? 0 };
    const turn = this.admitted.get(visitor);
    if (turn !== undefined) return { ...at, state: 'admitted', turn: turn.turn, deadline: turn.claimBy };
    const session = this.active.get(visitor);
    if (session !== undefined) return { ...at, state: 'active', ...session };
    return { ...at, state: this.over.get(visitor) ?? 'ended' };
  }

  #admit(now: number, place: Place): Turn {
    this.lastTurn += 1;
    const lapses = this.again.get(place.visitor)?.lapses ?? 0;
    const turn = { place, turn: this.lastTurn, claimBy: now + this.#windowMs, lapses };
    this.admitted.set(place.visitor, turn);
    return turn;
  }

  /** The bucket lies in Redis with six decimals. */
  #keep(tokens: number, now: number): void {
    this.#bucket = Number(Math.min(tokens, this.bound).toFixed(6));
    this.#filledAt = now;
  }

  #lane(index: number): Place[] {
    const lane = this.waiting[index];
    if (lane === undefined) throw new Error(`no lane ${index}`);
    return lane;
  }
}

/** Entries whose time has come, in the order of a sorted set. */
function due<T>(entries: ReadonlyMap<string, T>, when: (entry: T) => number, now: number): [string, T][] {
  return [...entries]
    .filter(([, entry]) => when(entry) <= now)
    .sort(([a, one], [b, other]) => when(one) - when(other) || (a < b ? -1 : 1));
}
