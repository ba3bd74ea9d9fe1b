import { randomBytes } from 'node:crypto';
import type { Logger } from '@ropeline/core/log.ts';
import type { EntryClaims } from '@ropeline/core/protocol/entry.ts';
import type { RoomState } from '@ropeline/core/protocol/status.ts';
import { type Broadcast, parseBroadcast, type RoomEvent } from './broadcast.ts';
import { EndedTurns } from './ended-turns.ts';
import { EpochLost, type QueueEngine, type Tick } from './engine.ts';
import { Outflow } from './estimate.ts';
import { FanOut } from './fan-out.ts';
import { RoomCursor } from './room-cursor.ts';
import type { RoomMetrics } from './room-metrics.ts';
import { type Flags, flagFields, type Link, readFlags, roomState } from './room-state.ts';
import { RoomVisitors } from './room-visitors.ts';
import type { Roster, Visitor } from './roster.ts';
import { fromFields, toFields } from './rule-fields.ts';
import { defaultRules, type RoomRules } from './rules.ts';
import type { RoomReading } from './scripts.ts';
import { RankSketch } from './sketch.ts';
import { Ticker } from './ticker.ts';
import type { VisitorEvent } from './visitor-events.ts';

/** How long nobody is admitted after a loss while visitors come back. */
const settleMs = 10_000;

type Options = {
  readonly name: string;
  /** Of this process, unlike any other's. */
  readonly gatewayId: string;
  readonly engine: QueueEngine;
  readonly log: Logger;
  readonly metrics: RoomMetrics;
  /** Told whenever rules or flags may have changed. */
  readonly onChange: () => void;
};

/**
 * A room as this gateway sees it: its rules and state, the visitors it serves, and the numbers to tell them. Kept
 * true by the room's broadcast; after a gap, a reconnect or a loss it reads again what it missed.
 */
export class LiveRoom {
  readonly name: string;
  readonly cursor: RoomCursor;
  readonly engine: QueueEngine;
  readonly visitors: RoomVisitors;
  readonly ended = new EndedTurns();
  readonly outflow = new Outflow();
  readonly fanOut: FanOut;
  readonly metrics: RoomMetrics;
  rules: RoomRules = defaultRules;
  flags: Flags = { closed: false, soldOut: false, drained: false, paused: false, stockHeld: false };
  version = 0;
  sketches: RankSketch[] = [];
  admittedNow = 0;
  activeNow = 0;
  readonly #log: Logger;
  readonly #onChange: () => void;
  readonly #gatewayId: string;
  readonly #ticker: Ticker;
  readonly #housekeeping: NodeJS.Timeout;
  #settleUntil = 0;
  /** Turns up to this one were given in earlier runs. */
  #firstTurn = 0;
  #redisAway = false;
  #message = 0;
  #holderRenewedAt = 0;
  #reading: Promise<boolean> | undefined;
  #nextReading: Promise<boolean> | undefined;
  #recovering: Promise<void> | undefined;

  constructor(options: Options) {
    this.name = options.name;
    this.engine = options.engine;
    this.metrics = options.metrics;
    this.#onChange = options.onChange;
    this.#gatewayId = options.gatewayId;
    this.#log = options.log.child({ room: options.name });
    this.cursor = new RoomCursor(options.name);
    this.visitors = new RoomVisitors({
      engine: this.engine,
      cursor: this.cursor,
      wake: () => this.wake(),
    });
    this.fanOut = new FanOut((visitor) => this.rankOf(visitor));
    this.#ticker = new Ticker({
      tick: () => this.#tick(),
      now: () => this.cursor.now(),
      isAwake: () => this.fanOut.size > 0,
      nextChange: () => this.#nextChange(),
      onTick: (tick, seconds) => this.#ticked(tick, seconds),
      onError: (error) => this.#log.debug({ err: error }, 'tick failed'),
    });
    this.#housekeeping = setInterval(() => this.#forget(), 10_000).unref();
  }

  get state(): RoomState {
    const now = this.cursor.now();
    return roomState(this.#linkAt(now), this.flags, this.rules.schedule, now);
  }

  get link(): Link {
    return this.#linkAt(this.cursor.now());
  }

  get roster(): Roster {
    return this.visitors.roster;
  }

  get waiting(): number {
    return this.sketches.reduce((sum, sketch) => sum + sketch.waiting, 0);
  }

  /** A guess from memory that a join would pass at once; the join script decides. */
  get looksIdle(): boolean {
    const { queue, admission } = this.rules;
    return (
      this.state === 'open' &&
      !queue.alwaysOn &&
      this.waiting === 0 &&
      this.admittedNow + this.activeNow <
        Math.min(admission.capacity, queue.threshold.active ?? Number.POSITIVE_INFINITY)
    );
  }

  /**
   * Whether a valid token's session is over: ended or revoked before its time, of an earlier run, or past its
   * deadline by the clock of Redis, which set it.
   */
  refuses({ jti, exp }: EntryClaims): boolean {
    const turn = Number(jti.slice(jti.lastIndexOf('.') + 1));
    return turn <= this.#firstTurn || exp * 1_000 <= this.cursor.now() || this.ended.has(jti);
  }

  /** Rank in the lane (from 1) by the last sketch; undefined for who does not wait or is not numbered yet. */
  rankOf(visitor: Visitor): number | undefined {
    if (visitor.state !== 'waiting') return undefined;
    const sketch = this.sketches[visitor.lane];
    if (sketch === undefined) return undefined;
    if (visitor.score <= sketch.newest) return sketch.rankOf(visitor.score);
    return visitor.rankHint > 0 ? visitor.rankHint : sketch.waiting + 1;
  }

  wake(): void {
    this.#ticker.wake();
  }

  setRedisAway(away: boolean): void {
    if (this.#redisAway === away) return;
    this.#redisAway = away;
    this.#tellWatchers();
    if (!away)
      this.resync().then(
        () => this.wake(),
        () => undefined,
      );
  }

  /**
   * Reads the room again; false when it does not exist. Never two readings at a time, and the answer is never of one
   * that had begun before: what changed since then it may have missed.
   */
  refresh(): Promise<boolean> {
    if (this.#reading === undefined) return this.#startReading();
    this.#nextReading ??= this.#reading
      .catch(() => undefined)
      .then(() => {
        this.#nextReading = undefined;
        return this.#startReading();
      });
    return this.#nextReading;
  }

  #startReading(): Promise<boolean> {
    this.#reading = this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /**
   * Redis has lost this room or knows less than we do: opens a new epoch with the rules, flags and run that this
   * gateway holds (or joins the epoch that another one opened), and sends sockets to come back with their tickets.
   * `lost` is the epoch that was refused: when it was given up meanwhile, the present one must not go with it.
   */
  recover(lost: string): Promise<void> {
    if (lost !== this.cursor.epochId) return this.#recovering ?? Promise.resolve();
    this.#recovering ??= this.#recover().finally(() => {
      this.#recovering = undefined;
      this.#tellWatchers();
      this.wake();
    });
    return this.#recovering;
  }

  receive(text: string): void {
    const broadcast = parseBroadcast(text);
    if (broadcast.epochId !== this.cursor.epochId) {
      this.#catchUp(() => this.refresh());
      return;
    }
    const missed = broadcast.message > this.#message + 1 && this.#message > 0;
    this.#message = Math.max(this.#message, broadcast.message);
    this.cursor.saw(broadcast.sequence);
    for (const event of broadcast.events) this.#apply(event, broadcast);
    if (missed) this.#catchUp(() => this.resync());
  }

  stop(): void {
    this.#ticker.stop();
    this.fanOut.stop();
    clearInterval(this.#housekeeping);
  }

  /** All open sockets of this room, told to come back elsewhere. */
  sendEverybodyAway(): void {
    for (const visitor of this.roster.all()) {
      for (const watcher of visitor.watchers) watcher.sendAway();
    }
  }

  async #tick(): Promise<Tick> {
    try {
      return await this.engine.tick(this.cursor, this.#holderToRenew());
    } catch (error) {
      if (error instanceof EpochLost) await this.recover(error.epochId);
      else if (!this.#redisAway) await this.refresh();
      throw error;
    }
  }

  /** This gateway's id once every two seconds while it holds sockets: without it a roll call would be opened. */
  #holderToRenew(): string {
    const now = Date.now();
    if (this.fanOut.size === 0 || now - this.#holderRenewedAt < 2_000) return '';
    this.#holderRenewedAt = now;
    return this.#gatewayId;
  }

  #ticked(tick: Tick, seconds: number): void {
    this.metrics.tick(seconds);
    if (!tick.worked) return;
    this.metrics.admitted(tick.admitted);
    this.metrics.lapsed(tick.lapsed);
    this.metrics.pace(tick, this.rules.admission, this.state === 'open' || this.state === 'drained');
    this.visitors.releaseAgain();
  }

  /** Reads on the broadcast's word. Redis going away meanwhile is no error: all is read again when it is back. */
  #catchUp(read: () => Promise<unknown>): void {
    read().catch((error: unknown) => this.#log.debug({ err: error }, 'not read'));
  }

  #linkAt(now: number): Link {
    if (this.#redisAway) return 'away';
    return now < this.#settleUntil || this.#recovering !== undefined ? 'recovering' : 'up';
  }

  #nextChange(): number | undefined {
    const now = this.cursor.now();
    const { prequeueAt, opensAt, closesAt } = this.rules.schedule;
    const ahead = [prequeueAt, opensAt, closesAt, this.#settleUntil].filter(
      (at) => at !== undefined && at > now,
    );
    return ahead.length === 0 ? undefined : Math.min(...(ahead as number[]));
  }

  async #read(): Promise<boolean> {
    const { epochId } = this.cursor;
    const first = await this.engine.read(this.name, this.cursor.lanes);
    if (first.pacer.get('epochId') === undefined || first.config.size === 0) {
      // Nothing there: known before = lost, never seen = does not exist.
      if (epochId !== '') await this.recover(epochId);
      return epochId !== '';
    }
    const lanes = (first.config.get('lanes') ?? '').split(',').map((part) => part.split(':')[0] ?? '');
    const reading =
      lanes.join() === this.cursor.lanes.join() ? first : await this.engine.read(this.name, lanes);
    this.#adopt(reading);
    return true;
  }

  #adopt(reading: RoomReading): void {
    const before = {
      epochId: this.cursor.epochId,
      run: this.cursor.run,
      version: this.version,
      state: this.state,
    };
    const rate = this.rules.admission.ratePerMinute;
    const { lanes } = this.cursor;
    this.cursor.adopt(reading);
    if (lanes.join() !== this.cursor.lanes.join()) this.visitors.renumberLanes(lanes);
    this.#message = Number(reading.pacer.get('message'));
    this.#settleUntil = Number(reading.pacer.get('settleUntil') ?? 0);
    this.#firstTurn = Number(reading.pacer.get('firstTurn') ?? 0);
    this.rules = fromFields(reading.config);
    this.flags = readFlags(reading.config);
    this.version = Number(reading.config.get('version'));
    this.admittedNow = reading.admitted;
    this.activeNow = reading.active;
    this.sketches = reading.lanes.map((lane, i) => {
      const old = this.sketches[i];
      return old !== undefined && old.waiting > 0 && lane.waiting > 0
        ? old
        : new RankSketch(lane.waiting, 0, 0, [], []);
    });
    if (rate !== this.rules.admission.ratePerMinute || before.state !== this.state)
      this.outflow.restart(this.cursor.now());
    this.metrics.counts(this.cursor.lanes, this.sketches, this.activeNow);
    if (before.epochId !== '' && (before.epochId !== this.cursor.epochId || before.run !== this.cursor.run)) {
      this.sendEverybodyAway();
      this.visitors.clear();
    } else if (before.version !== this.version) {
      this.#tellWatchers();
    }
    this.#onChange();
    this.wake();
  }

  async #recover(): Promise<void> {
    const { epochId, epoch, run } = this.cursor;
    this.#log.warn({ epochId, sequence: this.cursor.sequence }, 'queue lost, opening a new epoch');
    this.metrics.lost();
    const fields = toFields(this.rules);
    for (const [flag, field] of Object.entries(flagFields)) {
      fields.set(field, this.flags[flag as keyof Flags] ? '1' : '0');
    }
    await this.engine.create(this.name, fields, {
      epochId: randomBytes(8).toString('hex'),
      lastEpoch: epoch,
      run,
      settleMs,
      replaces: epochId,
      author: 'gateway',
    });
    this.#adopt(await this.engine.read(this.name, this.cursor.lanes));
  }

  /** After a gap in the broadcast: rules, and where everybody whom this gateway serves stands. */
  async resync(): Promise<void> {
    await this.refresh();
    await this.visitors.checkAll();
  }

  #apply(event: RoomEvent, broadcast: Broadcast): void {
    switch (event.type) {
      case 'sketch':
        // Seconds in which nobody was in line say nothing of how fast the line moves.
        if (this.waiting === 0 && event.sketch.waiting > 0) this.outflow.restart(broadcast.now);
        this.sketches[event.lane] = event.sketch;
        this.metrics.counts(this.cursor.lanes, this.sketches, this.activeNow);
        if (event.sketch.waiting > 0) this.wake();
        return;
      case 'counts':
        this.admittedNow = event.admitted;
        this.activeNow = event.active;
        return;
      case 'changed':
        if (broadcast.version !== this.version) this.#catchUp(() => this.refresh());
        return;
      case 'roll-call':
        this.visitors.answerRollCall();
        return;
      case 'reset':
        this.#catchUp(() => this.refresh());
        return;
      case 'queue-ended':
        this.visitors.heardEnd(event.score, event.reason, broadcast.sequence);
        return;
      default:
        this.#applyToVisitor(event, broadcast);
    }
  }

  #applyToVisitor(event: VisitorEvent, { now, sequence }: Broadcast): void {
    if (event.type === 'admitted') {
      this.outflow.admitted(1, now);
      this.metrics.heard('admitted', now);
    }
    if (event.type === 'lapsed' || event.type === 'waits-again') this.metrics.heard('lapsed', now);
    if (event.type === 'ended' && event.deadline !== undefined) {
      this.ended.add(`${event.visitor}.${event.turn}`, event.deadline);
    }
    this.visitors.heard(event, sequence);
  }

  #tellWatchers(): void {
    for (const visitor of this.roster.all()) {
      for (const watcher of visitor.watchers) watcher.roomChanged();
    }
  }

  #forget(): void {
    this.roster.forgetOld();
    this.ended.forgetOld(this.cursor.now());
  }
}
