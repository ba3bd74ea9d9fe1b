import { type Broadcast, parseBroadcast, type RoomEvent } from './broadcast.ts';
import type { Draw } from './draw/draw.ts';
import type { LineNumbers } from './numbers/line-numbers.ts';
import type { Outage } from './outage/outage.ts';
import type { SpentRecord } from './recovery/spent-record.ts';
import type { RoomCursor } from './room-cursor.ts';
import type { RoomMetrics } from './room-metrics.ts';
import type { RoomVisitors } from './visitors/room-visitors.ts';
import type { VisitorEvent } from './visitors/visitor-events.ts';

type Options = {
  readonly cursor: RoomCursor;
  readonly record: SpentRecord;
  readonly numbers: LineNumbers;
  readonly visitors: RoomVisitors;
  readonly draw: Draw;
  readonly outage: Outage;
  readonly metrics: RoomMetrics;
  readonly known: () => { readonly version: number; readonly capacity: number };
  /** The room must tick within so many ms. */
  readonly wakeWithin: (ms: number) => void;
  /** Rules or epoch are others; messages were missed; a gateway has put back what was lost. Failures are theirs. */
  readonly refresh: () => void;
  readonly resync: () => void;
  readonly heardPutBack: () => void;
  readonly heardSettling: (until: number) => void;
};

/** Hears the room's broadcast: notices what is missing of it, and tells each event to whom it concerns. */
export class RoomNews {
  readonly #options: Options;
  /** Number of the last message that is known of, and of this epoch's last that was heard, not read. */
  #message = 0;
  #heard = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  /** The room was read: everything up to this message is known. */
  adopt(message: number, isNewEpoch: boolean): void {
    if (isNewEpoch) this.#heard = 0;
    // What was heard while it was read is no gap.
    this.#message = isNewEpoch ? message : Math.max(message, this.#message);
  }

  receive(text: string): void {
    const { cursor, record, refresh, resync } = this.#options;
    const broadcast = parseBroadcast(text);
    if (broadcast.epochId !== cursor.epochId) {
      refresh();
      return;
    }
    // Not newer than what was heard: of a master that was replaced and does not know it yet.
    if (broadcast.message <= this.#heard) return;
    this.#heard = broadcast.message;
    const missed = broadcast.message > this.#message + 1 && this.#message > 0;
    this.#message = Math.max(this.#message, broadcast.message);
    cursor.saw(broadcast.sequence);
    for (const event of broadcast.events) {
      record.heard(event);
      this.#tell(event, broadcast);
    }
    if (missed) resync();
  }

  #tell(event: RoomEvent, broadcast: Broadcast): void {
    const { cursor, record, numbers, visitors, draw, known, refresh } = this.#options;
    switch (event.type) {
      case 'sketch':
        record.sawLastAdmitted(cursor.lanes[event.lane] ?? '', event.sketch.last);
        numbers.heardSketch(event, cursor.lanes, broadcast);
        if (event.sketch.waiting > 0) this.#options.wakeWithin(0);
        return;
      case 'piece':
        numbers.heardPiece(event);
        return;
      case 'counts':
        numbers.heardCounts(event, cursor.lanes, known().capacity, broadcast.now);
        return;
      case 'changed':
        if (broadcast.version !== known().version) refresh();
        return;
      case 'draw':
        if (event.made !== undefined) draw.made(event.made);
        refresh();
        return;
      case 'roll-call':
        visitors.answerRollCall();
        return;
      case 'settling':
        this.#options.heardSettling(event.until);
        return;
      case 'put-back':
        this.#options.heardPutBack();
        return;
      case 'stock':
      case 'passed-over':
        return;
      case 'reset':
      case 'deleted':
        refresh();
        return;
      case 'queue-ended':
        visitors.heardEnd(event.upTo, event.reason, broadcast.sequence);
        return;
      default:
        this.#tellOfVisitor(event, broadcast);
    }
  }

  #tellOfVisitor(event: VisitorEvent, { now, sequence }: Broadcast): void {
    const { numbers, visitors, metrics, outage, wakeWithin } = this.#options;
    numbers.outflow.heard(event, now);
    if (event.type === 'admitted') {
      metrics.heard('admitted', now);
      numbers.judgePromises(visitors.roster.get(event.visitor), now);
    }
    if (event.type === 'lapsed' || event.type === 'waits-again') metrics.heard('lapsed', now);
    // Whoever is inside must leave in time, also when the gateway that let them in is gone.
    if (event.type === 'admitted' || event.type === 'active') wakeWithin(60_000);
    if (outage.hasGiven(event.visitor)) return;
    visitors.heard(event, sequence);
  }
}
