import type { Logger } from '@ropeline/core/log.ts';
import { type ClaimOutcome, CursorStale, type Entered, EpochLost, type JoinRefusal } from '../engine.ts';
import type { RedisLink } from '../link.ts';
import type { LiveRoom } from '../live-room.ts';
import { isPassed, nobodyAdmitted } from '../recovery/up-to.ts';
import type { Visitor } from '../visitors/roster.ts';
import { newVisitorId } from '../visitors/visitor-id.ts';
import { OutageLedger, type ToTell } from './outage-ledger.ts';
import { OwnLine } from './own-line.ts';
import { OwnPlaces } from './own-places.ts';
import { OwnTurns } from './own-turns.ts';
import { SharePace } from './share-pace.ts';

/** How long after Redis' last answer: a lost connection that is made again at once is no outage. */
const startAfterMs = 2_000;
const slotMs = 50;
const sweepMs = 1_000;
/** Turns given in one go, that no turn of the event loop gets long; entries told in one call. */
const mostAtOnce = 500;
const mostTold = 250;
const firstArrival = 2 ** 52;
const perEpoch = 2 ** 30;

/** What there is only while the room is on its own. */
type OwnWork = {
  readonly mode: 'degraded' | 'open';
  readonly run: number;
  readonly pace: SharePace;
  readonly line: OwnLine;
  readonly places: OwnPlaces;
  readonly timer: NodeJS.Timeout;
  sweptAt: number;
};

/**
 * A room whose rules let it go on while Redis is away (`onFailure`). States:
 * - idle: Redis is there, or the room is `closed` without it.
 * - starting: Redis has just gone; left after two seconds without an answer.
 * - on its own: `open` lets everybody in; `degraded` gives turns at this gateway's share of the rate and of the capacity
 *   that was left, to those whom it knows and who are present, by place. Newcomers stand behind them.
 * - settling: Redis is back, and before anything else is asked of it, it is told who was let in and who has come. What
 *   fails is told again: repeating it is safe. Until then the room is on its own again.
 *
 * In all of them the room's own state counts: what is paused or closed lets nobody in.
 */
export class Outage {
  readonly #room: LiveRoom;
  readonly #link: RedisLink;
  readonly #log: Logger;
  readonly #turns = new OwnTurns();
  readonly #ledger = new OutageLedger();
  #own: OwnWork | undefined;
  #starting: NodeJS.Timeout | undefined;
  #settling: Promise<void> | undefined;

  constructor(room: LiveRoom, link: RedisLink, log: Logger) {
    this.#room = room;
    this.#link = link;
    this.#log = log;
  }

  /** Whether this gateway decides by itself who comes in. */
  get isOn(): boolean {
    return this.#own !== undefined && this.#settling === undefined;
  }

  get letsEverybodyIn(): boolean {
    return this.isOn && this.#own?.mode === 'open' && this.#room.ownState === 'open';
  }

  /** Whether Redis has still to be told that this visitor was let in: what it tells of them until then is older. */
  hasGiven(visitor: string): boolean {
    return this.#ledger.hasGiven(visitor);
  }

  /** Redis has gone. */
  begin(): void {
    if (this.#room.rules.onFailure === 'closed' || this.#own !== undefined) return;
    clearTimeout(this.#starting);
    const silentMs = Date.now() - this.#link.answeredAt;
    this.#starting = setTimeout(() => this.#start(), Math.max(0, startAfterMs - silentMs));
  }

  /** Redis is there, and knows. */
  stop(): void {
    clearTimeout(this.#starting);
    clearInterval(this.#own?.timer);
    this.#own = undefined;
  }

  /** A place for somebody new; a refusal as Redis would refuse, or undefined where only Redis can give a place. */
  join(lane: number): Visitor | JoinRefusal | undefined {
    const { rules, ownState, cursor, visitors, waiting, metrics } = this.#room;
    if (this.#own === undefined) return undefined;
    const refused = refusalIn(ownState);
    if (refused !== undefined) return refused;
    const { maxWaiting, inviteOnly } = rules.queue;
    if (ownState === 'recovering' || ownState === 'prequeue' || inviteOnly || lane > 0) return undefined;
    if (maxWaiting > 0 && waiting + this.#ledger.newPlaces >= maxWaiting) return 'full';
    const id = newVisitorId();
    const score = this.#own.places.next(cursor.now());
    const { sequence } = cursor;
    const facts = { state: 'waiting', score, turn: 0, deadline: 0, reason: undefined, sequence } as const;
    const visitor = visitors.learn(id, lane, facts);
    this.#ledger.addPlace(id, this.#nameOf(lane), score);
    visitor.rankKnown = waiting + this.#ledger.newPlaces;
    if (this.letsEverybodyIn) this.#give(visitor, this.#own, cursor.now());
    metrics.joined(visitor.state === 'admitted' ? 'admitted' : 'waiting');
    return visitor;
  }

  /** Opens the session of a turn, given here or by Redis before, or answers the same session again. */
  claim(visitor: Visitor): ClaimOutcome {
    const { cursor, rules, visitors, metrics } = this.#room;
    const now = cursor.now();
    const { id, state, turn, deadline } = visitor;
    const lives = deadline > now;
    if (state === 'active' && lives) return { claimed: true, again: true, turn, deadline, claimBy: 0 };
    if (state === 'lapsed' || (state === 'admitted' && !lives)) return { claimed: false, why: 'turn-lapsed' };
    if (state !== 'admitted') return { claimed: false, why: 'not-admitted' };
    const until = Math.round(now + rules.session.ttlSeconds * 1_000);
    this.#ledger.addSession(visitor, this.#nameOf(visitor.lane), until);
    visitors.heard({ type: 'active', visitor: id, turn, deadline: until }, cursor.sequence);
    metrics.claimed();
    return { claimed: true, again: false, turn, deadline: until, claimBy: deadline };
  }

  /** Tells Redis what it missed; nothing to do when there is nothing. Throws what Redis throws while it is away. */
  settle(): Promise<void> {
    if (this.#ledger.isEmpty) return Promise.resolve();
    this.#settling ??= this.#settle().finally(() => {
      this.#settling = undefined;
    });
    return this.#settling;
  }

  #start(): void {
    const { rules, cursor } = this.#room;
    const { ratePerMinute, burst, capacity } = rules.admission;
    const mode = rules.onFailure;
    if (mode === 'closed') return;
    const { gateways } = this.#link;
    const now = cursor.now();
    const capacityLeft = capacity - this.#room.insideAt(now);
    this.#log.warn({ mode, gateways, ratePerMinute, capacityLeft }, 'going on without redis');
    this.#own = {
      mode,
      run: cursor.run,
      pace: new SharePace({ ratePerMinute, burst, capacityLeft, gateways }, now),
      line: new OwnLine(),
      places: new OwnPlaces(this.#newestScore(), now),
      timer: setInterval(() => this.#tick(), slotMs),
      sweptAt: now,
    };
    this.#tick();
  }

  #tick(): void {
    const { ownState, cursor, rules } = this.#room;
    const own = this.#own;
    if (own === undefined || this.#settling !== undefined) return;
    const now = Math.floor(cursor.now());
    if (now - own.sweptAt >= sweepMs) this.#sweep(own, now);
    if (ownState !== 'open' && ownState !== 'drained') return;
    if (own.mode === 'open') {
      for (const visitor of this.#present(own).slice(0, mostAtOnce)) this.#give(visitor, own, now);
      return;
    }
    const most = Math.min(own.pace.available(now), mostAtOnce);
    if (most === 0) return;
    for (const visitor of own.line.next(most, this.#present(own), rules.lanes)) {
      own.pace.take();
      this.#give(visitor, own, now);
    }
  }

  #present({ mode }: OwnWork): readonly Visitor[] {
    const { roster, rules, sketches } = this.#room;
    const seenSince = Date.now() - rules.presence.leaseSeconds * 1_000;
    return [...roster.all()].filter(({ state, score, lane, sequence, watchers, seenAt }) => {
      if ((state !== 'waiting' && state !== 'abandoned') || score < 0) return false;
      if (watchers.length === 0 && seenAt < seenSince) return false;
      // Known by the ticket alone, and most such places have been served.
      const mayBeServed = sequence === 0 && isPassed(sketches[lane]?.last ?? nobodyAdmitted, score);
      return mode === 'open' || !mayBeServed;
    });
  }

  #give(visitor: Visitor, { run }: OwnWork, now: number): void {
    const { rules, cursor, visitors, metrics } = this.#room;
    const turn = this.#turns.next(run);
    const claimBy = Math.round(now + rules.claim.windowSeconds * 1_000);
    this.#ledger.addTurn(visitor, this.#nameOf(visitor.lane), turn, claimBy);
    visitors.heard({ type: 'admitted', visitor: visitor.id, turn, claimBy }, cursor.sequence);
    metrics.admitted(1);
  }

  /** Turns that lapsed and sessions that ended here: what was given here is this gateway's to give again. */
  #sweep(own: OwnWork, now: number): void {
    own.sweptAt = now;
    const { visitors, cursor, metrics, rules } = this.#room;
    for (const { visitor, turn, claimed, own: isOwn, lapses } of this.#ledger.takeDue(now)) {
      if (claimed) {
        if (isOwn) own.pace.ended();
        visitors.heard({ type: 'ended', visitor, turn, reason: 'expired' }, cursor.sequence);
        continue;
      }
      if (isOwn) own.pace.lapsed();
      metrics.lapsed(1);
      const score = this.#room.roster.get(visitor)?.score ?? 0;
      const waitsAgain = lapses <= rules.claim.lapsesAllowed;
      visitors.heard(
        waitsAgain ? { type: 'waits-again', visitor, score, turn } : { type: 'lapsed', visitor, turn },
        cursor.sequence,
      );
    }
  }

  async #settle(): Promise<void> {
    const { engine, cursor } = this.#room;
    const run = this.#own?.run ?? cursor.run;
    const entries = this.#ledger.all();
    const here = (entry: ToTell): Entered => ({
      ...entry,
      lane: Math.max(0, cursor.lanes.indexOf(entry.lane)),
    });
    for (let i = 0; i < entries.length; i += mostTold) {
      await this.#mended(() => engine.enter(cursor, run, entries.slice(i, i + mostTold).map(here)));
    }
    this.#log.info({ entries: entries.length }, 'redis knows who was let in without it');
    this.#ledger.clear();
  }

  /** What Redis refuses because it has lost the room, or because its lanes are others, is mended and told once more. */
  async #mended<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (error instanceof EpochLost) await this.#room.recover(error.epochId);
      else if (error instanceof CursorStale) await this.#room.refresh();
      else throw error;
      return call();
    }
  }

  #newestScore(): number {
    const { cursor, sketches, roster } = this.#room;
    let newest = firstArrival + cursor.epoch * perEpoch;
    for (const sketch of sketches) newest = Math.max(newest, sketch.newest);
    for (const { score } of roster.all()) newest = Math.max(newest, score);
    return newest;
  }

  #nameOf(lane: number): string {
    return this.#room.cursor.lanes[lane] ?? '';
  }
}

function refusalIn(state: LiveRoom['state']): JoinRefusal | undefined {
  switch (state) {
    case 'closed':
    case 'sold-out':
    case 'drained':
    case 'scheduled':
      return state;
    case 'redis-away':
    case 'recovering':
    case 'paused':
    case 'stock-held':
    case 'prequeue':
    case 'open':
      return undefined;
    default:
      return state satisfies never;
  }
}
