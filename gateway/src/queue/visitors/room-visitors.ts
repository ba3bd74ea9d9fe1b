import { unscored } from '../draw/draw-score.ts';
import type { QueueEngine } from '../engine.ts';
import { isPassed, type UpTo } from '../recovery/up-to.ts';
import type { RoomCursor } from '../room-cursor.ts';
import { type Known, RecentEvents } from './recent-events.ts';
import { isOver, Roster, type Visitor, type VisitorFacts } from './roster.ts';
import { type Facts, foundAs, outcomeOf, type VisitorEvent } from './visitor-events.ts';

const partSize = 500;

type Options = {
  readonly engine: QueueEngine;
  readonly cursor: RoomCursor;
  /** Of who joined before the opening; -1 until the draw is made. */
  readonly drawnScore: (visitor: string) => number;
  /** Somebody waits whom the ticks of before may not have seen. */
  readonly wake: () => void;
};

/**
 * The visitors of a room whom this gateway serves, kept true by the broadcast and by what Redis answers. The two come
 * over different connections, so either may be heard first: every fact carries the number of the write that it comes
 * from, and what comes from an earlier one than is known already says nothing.
 */
export class RoomVisitors {
  readonly roster = new Roster();
  readonly #engine: QueueEngine;
  readonly #cursor: RoomCursor;
  readonly #drawnScore: (visitor: string) => number;
  readonly #wake: () => void;
  readonly #recent = new RecentEvents();
  /** Up to where the queue was ended last. */
  #endedQueue: { readonly upTo: UpTo; readonly known: Known } | undefined;
  /** Whose last socket here is gone, and Redis could not be told. */
  readonly #unreleased = new Set<Visitor>();

  constructor({ engine, cursor, drawnScore, wake }: Options) {
    this.#drawnScore = drawnScore;
    this.#engine = engine;
    this.#cursor = cursor;
    this.#wake = wake;
  }

  /** The visitor's score; one that is to be drawn is worked out when it is first asked for after the draw. */
  scoreOf(visitor: Visitor): number {
    if (visitor.score === unscored) visitor.score = this.#drawnScore(visitor.id);
    return visitor.score;
  }

  /** Takes over what Redis answered of a visitor, unless the broadcast has told of a later write. */
  learn(id: string, lane: number, facts: VisitorFacts): Visitor {
    const served = this.roster.get(id);
    const visitor = served ?? this.roster.add(id, lane, facts);
    if (served !== undefined && served.sequence <= facts.sequence) {
      served.lane = lane;
      this.#move(served, facts.state, facts);
    }
    const event = this.#recent.get(id);
    if (event !== undefined && event.sequence > visitor.sequence) this.#move(visitor, event.state, event);
    this.#endIfBelow(visitor);
    return visitor;
  }

  /** An event of the broadcast, of the write `sequence`. */
  heard(event: VisitorEvent, sequence: number): void {
    const visitor = this.roster.get(event.visitor);
    const isHeld = visitor !== undefined && visitor.watchers.length > 0;
    if (event.type === 'called') {
      if (isHeld) void this.hold(visitor);
      return;
    }
    const known = { ...outcomeOf(event), sequence };
    this.#recent.add(event.visitor, known);
    if (visitor === undefined || visitor.sequence > sequence) return;
    this.#move(visitor, known.state, known);
    // Struck because the answer to the call was lost: a visitor with an open socket is not absent.
    if (isHeld && visitor.state === 'abandoned') void this.hold(visitor);
  }

  /** The queue was ended: every place up to there is over. */
  heardEnd(upTo: UpTo, reason: 'sold-out' | 'closed', sequence: number): void {
    this.#endedQueue = { upTo, known: { state: 'rejected', reason, sequence } };
    for (const visitor of [...this.roster.all()]) this.#endIfBelow(visitor);
  }

  /** Names everybody whose socket is open here. */
  answerRollCall(): void {
    void this.#inParts(async (visitor) => {
      if (visitor.watchers.length > 0 && visitor.state === 'waiting') await this.hold(visitor);
    });
  }

  /** Asks Redis where everybody stands. */
  async checkAll(): Promise<void> {
    await this.#inParts((visitor) => this.check(visitor));
  }

  async check(visitor: Visitor): Promise<void> {
    const found = await this.#engine.lookUp(this.#cursor, this.#placeOf(visitor));
    // A place that is over stays so, also where Redis has not been told of it again yet.
    if (found.state === 'unknown') return isOver(visitor.state) ? undefined : this.#seat(visitor);
    this.learn(visitor.id, visitor.lane, foundAs(found));
    const isHeld = visitor.watchers.length > 0;
    if (isHeld && (visitor.state === 'waiting' || visitor.state === 'abandoned')) await this.hold(visitor);
  }

  /**
   * A new epoch: everybody who waits and is served here stands where they stood, and gets a ticket of it. Who is found to
   * have had a turn, or to be gone, is told. `goOn` says to Redis, every some hundred, that it is not all yet.
   */
  async seatAgain(goOn: () => Promise<void>): Promise<void> {
    await this.#inParts(async (visitor) => {
      if (isOver(visitor.state)) return;
      const isHeld = visitor.watchers.length > 0;
      if (visitor.state === 'waiting' || (visitor.state === 'abandoned' && isHeld)) await this.#seat(visitor);
      else if (visitor.state !== 'abandoned') await this.check(visitor);
      if (!isOver(visitor.state)) for (const watcher of visitor.watchers) watcher.seatedAgain(visitor);
    }, goOn);
  }

  async #seat(visitor: Visitor): Promise<void> {
    const seated = await this.#engine.seat(this.#cursor, this.#placeOf(visitor));
    if (seated === undefined || seated.refused !== undefined) {
      const found = await this.#engine.lookUp(this.#cursor, this.#placeOf(visitor));
      this.learn(visitor.id, visitor.lane, foundAs(found));
      return;
    }
    const turn = seated.state === 'waiting' ? visitor.turn : seated.turn;
    const facts = { ...seated, turn, reason: undefined, rankKnown: seated.position };
    this.learn(visitor.id, visitor.lane, facts);
    if (visitor.state === 'waiting' && visitor.watchers.length > 0) await this.hold(visitor);
  }

  /** Tells Redis that a socket of the visitor is open here. A failure is made good by the next call or resync. */
  async hold(visitor: Visitor): Promise<void> {
    await this.#mark(visitor, 'hold');
  }

  /** Renews the lease of a visitor who polls. Whether Redis was told. */
  lease(visitor: Visitor): Promise<boolean> {
    return this.#mark(visitor, 'lease');
  }

  /**
   * Tells Redis that the last socket of a waiting visitor here is gone: the grace period begins. Where Redis cannot be
   * told it is told by `releaseAgain`: without a deadline the absent would be given a turn.
   */
  release(visitor: Visitor): void {
    this.#unreleased.delete(visitor);
    if (visitor.watchers.length > 0 || visitor.state !== 'waiting') return;
    this.#engine
      .mark(this.#cursor, this.#placeOf(visitor), 'grace')
      .catch(() => this.#unreleased.add(visitor));
  }

  releaseAgain(): void {
    for (const visitor of [...this.#unreleased]) this.release(visitor);
  }

  /** Lanes were changed: who is served here stays in the lane of the same name. */
  renumberLanes(before: readonly string[]): void {
    for (const visitor of this.roster.all()) {
      visitor.lane = Math.max(0, this.#cursor.lanes.indexOf(before[visitor.lane] ?? ''));
    }
  }

  /** Another epoch: what comes from it is newer than all that was known, and its writes are counted anew. */
  forgetSequences(): void {
    for (const visitor of this.roster.all()) visitor.sequence = 0;
    this.#recent.clear();
    this.#endedQueue = undefined;
  }

  /** Another run: nothing that was known means anything. */
  clear(): void {
    this.roster.clear();
    this.#recent.clear();
    this.#unreleased.clear();
    this.#endedQueue = undefined;
  }

  /** Some hundred at a time: thousands in one turn of the event loop would hold up everybody else. */
  async #inParts(
    act: (visitor: Visitor) => Promise<void>,
    between = (): Promise<void> => Promise.resolve(),
  ): Promise<void> {
    let part: Promise<void>[] = [];
    for (const visitor of this.roster.all()) {
      part.push(act(visitor));
      if (part.length < partSize) continue;
      await Promise.all(part);
      await between();
      part = [];
    }
    await Promise.all(part);
  }

  #placeOf(visitor: Visitor): { visitor: string; lane: number; score: number } {
    return { visitor: visitor.id, lane: visitor.lane, score: this.scoreOf(visitor) };
  }

  /** Who was away waits again, where Redis finds them, and the room may be asleep. Whether Redis was told. */
  async #mark(visitor: Visitor, mark: 'hold' | 'lease'): Promise<boolean> {
    try {
      const { waiting, sequence } = await this.#engine.mark(this.#cursor, this.#placeOf(visitor), mark);
      if (!waiting || visitor.sequence > sequence) return true;
      if (visitor.state === 'abandoned') {
        const found = await this.#engine.lookUp(this.#cursor, this.#placeOf(visitor));
        if (found.state !== 'unknown') this.learn(visitor.id, visitor.lane, foundAs(found));
      }
      if (visitor.state !== 'waiting') return true;
      visitor.sequence = Math.max(visitor.sequence, sequence);
      this.#wake();
      return true;
    } catch {
      return false;
    }
  }

  #endIfBelow(visitor: Visitor): void {
    if (this.#endedQueue === undefined) return;
    const { upTo, known } = this.#endedQueue;
    if (!isPassed(upTo, visitor.score) || visitor.sequence > known.sequence) return;
    if (visitor.state === 'waiting' || visitor.state === 'abandoned') this.#move(visitor, known.state, known);
  }

  /** The one place where a visitor's state changes here. */
  #move(visitor: Visitor, state: Visitor['state'], facts: Facts): void {
    if (visitor.state === state && visitor.turn === (facts.turn ?? visitor.turn)) {
      Object.assign(visitor, facts);
      return;
    }
    Object.assign(visitor, { reason: undefined, ...facts, state });
    for (const watcher of visitor.watchers) watcher.changed(visitor, isOver(state));
  }
}
