import type { Logger } from '@ropeline/core/log.ts';
import type { RoomState } from '@ropeline/core/protocol/status.ts';
import { Draw } from './draw/draw.ts';
import { isBeforeOpening, phaseOf } from './draw/draw-state.ts';
import { DrawWork } from './draw/draw-work.ts';
import type { QueueEngine } from './engine.ts';
import type { RedisLink } from './link.ts';
import type { Pace } from './numbers/estimate.ts';
import { LineNumbers } from './numbers/line-numbers.ts';
import type { Outflow } from './numbers/outflow.ts';
import type { RankSketch } from './numbers/sketch.ts';
import { Outage } from './outage/outage.ts';
import { RedisAbsence } from './outage/redis-absence.ts';
import { EndedTurns } from './recovery/ended-turns.ts';
import { LiveEntries } from './recovery/live-entries.ts';
import { Recovery, type Witness } from './recovery/recovery.ts';
import { RoomCursor } from './room-cursor.ts';
import type { RoomMetrics } from './room-metrics.ts';
import { RoomNews } from './room-news.ts';
import { drawIsDue, looksIdle, nextChange } from './room-outlook.ts';
import { RoomReader } from './room-reader.ts';
import { type Flags, type Link, roomState } from './room-state.ts';
import { RoomTicks } from './room-ticks.ts';
import { defaultRules, type RoomRules } from './rules.ts';
import type { RoomReading } from './scripts.ts';
import { Ticker } from './ticker.ts';
import { FanOut } from './visitors/fan-out.ts';
import type { PacedWork } from './visitors/paced-work.ts';
import { RoomVisitors } from './visitors/room-visitors.ts';
import type { Roster, Visitor } from './visitors/roster.ts';

type Options = {
  readonly name: string;
  /** Of this process, unlike any other's. */
  readonly gatewayId: string;
  readonly engine: QueueEngine;
  readonly link: RedisLink;
  readonly log: Logger;
  readonly metrics: RoomMetrics;
  /** In which sockets are told; one a process. */
  readonly work: PacedWork;
  /** Told whenever rules or flags may have changed. */
  readonly onChange: () => void;
  /** Told once when somebody has deleted the room; it is then of no more use. */
  readonly onDeleted: (room: LiveRoom) => void;
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
  readonly draw = new Draw();
  readonly fanOut: FanOut;
  readonly outage: Outage;
  readonly entries: LiveEntries;
  readonly metrics: RoomMetrics;
  rules: RoomRules = defaultRules;
  flags: Flags = { closed: false, soldOut: false, drained: false, paused: false, stockHeld: false };
  version = 0;
  readonly #log: Logger;
  readonly #onChange: () => void;
  readonly #onDeleted: (room: LiveRoom) => void;
  readonly #ticker: Ticker;
  readonly #drawWork: DrawWork;
  /** State of the room as the sockets know it. */
  #toldState: RoomState | undefined;
  #isDeleted = false;
  readonly #reader: RoomReader;
  readonly #absence: RedisAbsence;
  readonly recovery: Recovery;
  readonly #numbers: LineNumbers;
  readonly #news: RoomNews;

  constructor(options: Options) {
    this.name = options.name;
    this.engine = options.engine;
    this.metrics = options.metrics;
    this.#numbers = new LineNumbers(options.metrics);
    this.#onChange = options.onChange;
    this.#onDeleted = options.onDeleted;
    this.#log = options.log.child({ room: options.name });
    this.outage = new Outage(this, options.link, this.#log);
    this.#absence = new RedisAbsence({
      outage: this.outage,
      link: options.link,
      log: this.#log,
      tellWatchers: () => this.#tellWatchers(),
      resync: () => this.resync(),
      onReturned: () => this.wake(),
    });
    this.cursor = new RoomCursor(options.name);
    this.visitors = new RoomVisitors({
      engine: this.engine,
      cursor: this.cursor,
      drawnScore: (visitor) => this.draw.scoreOf(visitor),
      wake: () => this.wake(),
    });
    this.fanOut = new FanOut(options.work, (visitor) => this.rankOf(visitor));
    this.#drawWork = new DrawWork({
      engine: this.engine,
      cursor: this.cursor,
      draw: this.draw,
      gatewayId: options.gatewayId,
      log: this.#log,
      isLottery: () => this.rules.queue.method === 'lottery',
      phase: () => phaseOf(this.draw.state, this.rules.queue.beacon),
      onLost: ({ epochId }) => this.recover(epochId),
    });
    const ticks = new RoomTicks({
      room: this,
      gatewayId: options.gatewayId,
      onTick: () => this.#tellFlip(),
      refresh: () => this.#catchUp(() => this.refresh()),
    });
    this.#ticker = new Ticker({
      tick: () => ticks.tick(),
      now: () => this.cursor.now(),
      isAwake: () => this.fanOut.size > 0 || drawIsDue(this),
      nextChange: () => nextChange(this),
      onTick: (tick, seconds) => ticks.ticked(tick, seconds),
      onError: (error) => this.#log.debug({ err: error }, 'tick failed'),
    });
    this.recovery = new Recovery({
      engine: this.engine,
      cursor: this.cursor,
      visitors: this.visitors,
      ended: this.ended,
      log: this.#log,
      metrics: this.metrics,
      known: () => this,
      adopt: () => this.#reader.takeOver(),
      onDeleted: () => this.#delete(),
      onRecovered: () => {
        this.#tellWatchers();
        this.wake();
      },
    });
    this.entries = new LiveEntries({
      engine: this.engine,
      cursor: this.cursor,
      ended: this.ended,
      recovery: this.recovery,
      refresh: () => this.refresh(),
      isAway: () => this.link === 'away',
    });
    const { cursor, visitors, draw, outage, metrics } = this;
    this.#news = new RoomNews({
      ...{ cursor, visitors, draw, outage, metrics },
      record: this.recovery.record,
      numbers: this.#numbers,
      known: () => ({ version: this.version, capacity: this.rules.admission.capacity }),
      wakeWithin: (ms) => (ms === 0 ? this.wake() : this.#ticker.wakeWithin(ms)),
      refresh: () => this.#catchUp(() => this.refresh()),
      resync: () => this.#catchUp(() => this.resync()),
      heardPutBack: () => this.#catchUp(() => this.recovery.heardPutBack()),
      heardSettling: (until) => this.recovery.heardSettling(until),
    });
    this.#reader = new RoomReader({
      room: this,
      numbers: this.#numbers,
      news: this.#news,
      drawWork: this.#drawWork,
      tellWatchers: () => this.#tellWatchers(),
      onAdopted: (reading) => this.#adopted(reading),
      onDeleted: () => this.#delete(),
    });
  }

  get state(): RoomState {
    const now = this.cursor.now();
    return roomState(this.#linkAt(now), this.flags, this.rules, this.draw.state, now);
  }

  /** The state that the room would be in if Redis were there: what a gateway by itself must still obey. */
  get ownState(): RoomState {
    const now = this.cursor.now();
    const link = now < this.recovery.pausedUntil ? 'recovering' : 'up';
    return roomState(link, this.flags, this.rules, this.draw.state, now);
  }

  /** Everybody is let in: a pass-through room that is open, whether Redis is there or not. */
  get passesThrough(): boolean {
    if (this.rules.queue.method !== 'passthrough') return false;
    return roomState('up', this.flags, this.rules, this.draw.state, this.cursor.now()) === 'open';
  }

  /** Nobody is admitted yet and nobody has a number, whatever else the room's state says. */
  get isBeforeOpening(): boolean {
    return isBeforeOpening(this.rules, this.draw.state, this.cursor.now());
  }

  /** Somebody deleted the room while a call to it was under way. */
  get isDeleted(): boolean {
    return this.#isDeleted;
  }

  get link(): Link {
    return this.#linkAt(this.cursor.now());
  }

  get roster(): Roster {
    return this.visitors.roster;
  }

  get waiting(): number {
    return this.#numbers.waiting;
  }

  get sketches(): readonly RankSketch[] {
    return this.#numbers.sketches;
  }

  /** Who has a turn or a session by all that was heard; the counts of a sleeping room may be old. */
  insideAt(now: number): number {
    return Math.max(this.admittedNow + this.activeNow, this.recovery.record.insideAt(now));
  }

  get admittedNow(): number {
    return this.#numbers.admitted;
  }

  get activeNow(): number {
    return this.#numbers.active;
  }

  get outflow(): Outflow {
    return this.#numbers.outflow;
  }

  /** A guess from memory that a join would pass at once; the join script decides. */
  get looksIdle(): boolean {
    return looksIdle(this);
  }

  /** Rank in the lane (from 1); undefined for who does not wait or is not numbered yet. */
  rankOf(visitor: Visitor): number | undefined {
    return this.#numbers.rankOf(visitor, this.visitors.scoreOf(visitor));
  }

  get pace(): Pace {
    return this.#numbers.paceAt(this.cursor.now(), this.rules);
  }

  wake(): void {
    this.#ticker.wake();
  }

  setRedisAway(away: boolean): void {
    this.#absence.set(away);
  }

  /** Reads the room again; false when it does not exist. */
  refresh(): Promise<boolean> {
    return this.#reader.refresh();
  }

  /** Redis has lost the epoch `lost` of this room, or knows less of it than we do; see {@link Recovery}. */
  recover(lost: string, witness?: Witness): Promise<void> {
    return this.#isDeleted ? Promise.resolve() : this.recovery.recover(lost, witness);
  }

  /** Until when nobody is admitted after a loss, Unix ms of Redis; undefined when that is over. */
  get recoversAt(): number | undefined {
    const until = this.recovery.pausedUntil;
    return until > this.cursor.now() ? until : undefined;
  }

  receive(text: string): void {
    this.#news.receive(text);
  }

  stop(): void {
    this.outage.stop();
    this.#ticker.stop();
    this.#drawWork.stop();
    this.fanOut.stop();
  }

  /** All open sockets of this room, told to come back elsewhere. */
  sendEverybodyAway(): void {
    this.fanOut.sendEverybodyAway();
  }

  /** Reads on the broadcast's word. Redis going away meanwhile is no error: all is read again when it is back. */
  #catchUp(read: () => Promise<unknown>): void {
    read().catch((error: unknown) => this.#log.debug({ err: error }, 'not read'));
  }

  #linkAt(now: number): Link {
    if (this.#absence.isAway) return 'away';
    if (this.recovery.isSettling(now)) return 'recovering';
    return this.recovery.isHolding(now) ? 'holding' : 'up';
  }

  #delete(): void {
    if (this.#isDeleted) return;
    this.#isDeleted = true;
    this.stop();
    this.fanOut.tellDeleted();
    this.#onDeleted(this);
  }

  #adopted(reading: RoomReading): void {
    this.#toldState ??= this.state;
    this.#onChange();
    this.#drawWork.kick();
    this.#wakeIfNeeded(reading);
  }

  /** An idle room is not ticked at all: a start with thousands of them, and their rest, cost nothing. */
  #wakeIfNeeded({ admitted, active, lanes }: RoomReading): void {
    // Before what has come: else a change that comes between the two looks would be neither.
    const next = nextChange(this);
    const somebody =
      drawIsDue(this) || lanes.some(({ waiting, away }) => waiting + away > 0) || admitted + active > 0;
    if (somebody || this.fanOut.size > 0) this.wake();
    else if (next !== undefined) this.#ticker.wakeWithin(next - this.cursor.now() + 1);
  }

  /** After a gap in the broadcast: rules, and where everybody whom this gateway serves stands. */
  async resync(): Promise<void> {
    await this.outage.settle();
    await this.refresh();
    this.recovery.catchUp();
    await this.visitors.checkAll();
  }

  #tellWatchers(): void {
    this.#toldState = this.state;
    this.fanOut.tellRoom();
  }

  /** By the clock alone a room opens, closes and ends its settling time: nothing else would tell the sockets. */
  #tellFlip(): void {
    if (this.state !== this.#toldState) this.#tellWatchers();
  }

  /** To be called every ten seconds or so. */
  forgetOld(): void {
    const { graceSeconds, leaseSeconds } = this.rules.presence;
    this.roster.forgetOld(Math.max(graceSeconds, leaseSeconds) * 1_000);
    const now = this.cursor.now();
    this.ended.forgetOld(now);
    this.entries.forgetOld(now);
    this.recovery.forgetOld(now);
  }
}
