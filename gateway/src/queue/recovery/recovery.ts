import { randomBytes } from 'node:crypto';
import type { Logger } from '@ropeline/core/log.ts';
import type { Draw } from '../draw/draw.ts';
import { keptDrawFields } from '../draw/draw-state.ts';
import type { QueueEngine } from '../engine.ts';
import type { RoomCursor } from '../room-cursor.ts';
import type { RoomMetrics } from '../room-metrics.ts';
import { type Flags, flagFields } from '../room-state.ts';
import { toFields } from '../rule-fields.ts';
import type { RoomRules } from '../rules.ts';
import type { RoomReading } from '../scripts.ts';
import { SharedReading } from '../shared-reading.ts';
import type { RoomVisitors } from '../visitors/room-visitors.ts';
import type { EndedTurns } from './ended-turns.ts';
import { readSpentRecord, restoreSpentRecord } from './spent-pages.ts';
import { SpentRecord } from './spent-record.ts';

/** How long nobody is admitted after a loss while visitors come back; longer while a gateway still puts back. */
const settleMs = 10_000;

type Options = {
  readonly engine: QueueEngine;
  readonly cursor: RoomCursor;
  readonly visitors: RoomVisitors;
  readonly ended: EndedTurns;
  readonly log: Logger;
  readonly metrics: RoomMetrics;
  /** The room as this gateway knew it last. */
  readonly known: () => {
    readonly rules: RoomRules;
    readonly flags: Flags;
    readonly draw: Draw;
    readonly version: number;
  };
  /** Reads the room, whatever its epoch is now, and takes it over; whether its run is another. */
  readonly adopt: () => Promise<boolean>;
  readonly onRecovered: () => void;
  /** The room was not lost: somebody deleted it. */
  readonly onDeleted: () => void;
};

/** Something signed that tells of an epoch which Redis does not know: a ticket's, or nothing but that there was one. */
export type Witness = { readonly epoch: number; readonly run: number };

/**
 * What a gateway does for a room that Redis has lost, or of which Redis knows less than the gateway does. In this order:
 * 1. A new epoch with the rules, flags, draw and run that it holds; or it joins the epoch that another has opened.
 * 2. It puts back what it remembers: the spent record, merged with what survived and with what others put back.
 * 3. It seats its own visitors again, who keep their sockets and get fresh tickets.
 * Until all three are done it owes the room: what fails is tried again with the next tick.
 */
export class Recovery {
  readonly record: SpentRecord;
  readonly #options: Options;
  readonly #reading: SharedReading<void>;
  #running: Promise<void> | undefined;
  #owes = false;
  /** The record has everything that Redis had. */
  #isComplete = false;
  #settleUntil = 0;
  #holdUntil = 0;
  #firstTurn = 0;

  constructor(options: Options) {
    this.#options = options;
    this.record = new SpentRecord(options.ended);
    this.#reading = new SharedReading(() => this.#readRecord());
  }

  /** Something that this gateway remembers of a lost epoch has not been put back yet. */
  get owes(): boolean {
    return this.#owes || this.#running !== undefined;
  }

  /** Turns up to this one were given in earlier runs. */
  get firstTurn(): number {
    return this.#firstTurn;
  }

  /** Until when nobody is admitted, Unix ms of Redis; 0 = no such time is known. */
  get pausedUntil(): number {
    return Math.max(this.#settleUntil, this.#holdUntil);
  }

  /** Whether visitors are still coming back: turns cannot be claimed. */
  isSettling(now: number): boolean {
    return this.#running !== undefined || now < this.#settleUntil;
  }

  /** Whether nobody is admitted because nobody knows who is inside. */
  isHolding(now: number): boolean {
    return now < this.#holdUntil;
  }

  /**
   * `lost` is the epoch that was refused: when it was given up meanwhile, the present one must not go with it. With a
   * `witness` the loss was found by what a visitor showed, and this gateway remembers nothing of before.
   */
  recover(lost: string, witness?: Witness): Promise<void> {
    if (lost !== this.#options.cursor.epochId) return this.#running ?? Promise.resolve();
    return this.#run(() => this.#recover(witness));
  }

  /** Once more what could not be put back. */
  payDebt(): void {
    if (!this.#owes || this.#running !== undefined) return;
    this.#run(() => this.#putBack()).catch((error: unknown) =>
      this.#options.log.debug({ err: error }, 'not put back yet'),
    );
  }

  /** Takes over a reading of the room; `isNewRun`: nothing of before counts any more. */
  adopt({ pacer }: RoomReading, isNewRun: boolean): void {
    if (isNewRun) this.record.clear();
    this.#settleUntil = Number(pacer.get('settleUntil') ?? 0);
    this.#holdUntil = Number(pacer.get('holdUntil') ?? 0);
    this.#firstTurn = Number(pacer.get('firstTurn') ?? 0);
    this.record.takeCounters(pacer, this.#options.cursor.lanes);
  }

  /** Reads what there is to remember: at the start, after a gap, and when another gateway has put something back. */
  catchUp(): void {
    const { cursor } = this.#options;
    const { epochId } = cursor;
    if (this.record.turn <= this.#firstTurn && !this.record.mayHaveMore) {
      this.#isComplete = true;
      return;
    }
    this.#isComplete = false;
    this.#reading.ask().then(
      () => {
        this.#isComplete = cursor.epochId === epochId;
      },
      (error: unknown) => this.#options.log.debug({ err: error }, 'spent record not read'),
    );
  }

  /** Another gateway, or this one, has put back what it remembered: visitors may stand elsewhere than was thought. */
  async heardPutBack(): Promise<void> {
    if (this.#running !== undefined) return;
    this.catchUp();
    await this.#options.visitors.checkAll();
  }

  /** Somebody still puts back what was lost. */
  heardSettling(until: number): void {
    this.#settleUntil = Math.max(this.#settleUntil, until);
  }

  /** Tries again what could not be read. */
  forgetOld(now: number): void {
    this.record.forgetOld(now);
    if (!this.#isComplete) this.catchUp();
  }

  #run(work: () => Promise<void>): Promise<void> {
    this.#running ??= work().finally(() => {
      this.#running = undefined;
      this.#options.onRecovered();
    });
    return this.#running;
  }

  async #recover(witness: Witness | undefined): Promise<void> {
    const { engine, cursor, log, metrics, known, adopt, onDeleted } = this.#options;
    const { epochId, epoch, run, sequence } = cursor;
    log.warn({ epochId, sequence, ...witness }, 'queue lost, opening a new epoch');
    metrics.lost();
    const { rules, flags, draw, version } = known();
    const fields = new Map([...toFields(rules), ...keptDrawFields(draw.state)]);
    for (const [flag, field] of Object.entries(flagFields)) {
      fields.set(field, flags[flag as keyof Flags] ? '1' : '0');
    }
    const outcome = await engine.create(cursor.room, fields, {
      epochId: randomBytes(8).toString('hex'),
      author: 'gateway',
      remembered: {
        epochId,
        epoch: Math.max(epoch, witness?.epoch ?? 0),
        run: Math.max(run, witness?.run ?? 0),
        version,
        turn: this.record.turn,
        firstTurn: this.#firstTurn,
        lanes: cursor.lanes,
        settleMs,
        holdMs: witness === undefined ? 0 : rules.session.ttlSeconds * 1_000,
      },
    });
    if (outcome === 'deleted') return onDeleted();
    const remembers = witness === undefined && this.#isComplete;
    const isNewRun = await adopt();
    this.#isComplete = remembers && !isNewRun;
    if (isNewRun) return;
    this.#owes = true;
    await this.#putBack();
  }

  async #putBack(): Promise<void> {
    const { engine, cursor, visitors } = this.#options;
    await restoreSpentRecord(engine, cursor, this.record, this.#isComplete);
    await visitors.seatAgain(() => engine.recovery.restore(cursor, []));
    this.#owes = false;
  }

  #readRecord(): Promise<void> {
    const { engine, cursor } = this.#options;
    return readSpentRecord(engine, cursor, this.record);
  }
}
