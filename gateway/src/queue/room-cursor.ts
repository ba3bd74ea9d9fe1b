import { type RoomKeys, roomKeys } from '@ropeline/core/redis/room-keys.ts';
import type { PlaceTicket } from '@ropeline/core/token/place-ticket.ts';
import type { RoomReading } from './scripts.ts';

/**
 * What a gateway must show with every call to a room: the epoch it believes in, the highest sequence it has seen,
 * and the lanes it knows. Scripts refuse a caller whose Redis has been lost.
 */
export class RoomCursor {
  readonly room: string;
  readonly keys: RoomKeys;
  /** E of the epoch. */
  epoch = 0;
  epochId = '';
  run = 0;
  sequence = 0;
  /** Epochs since a start without memory, whose run was a guess: their tickets are of this run. */
  guessedEpochs: readonly string[] = [];
  /** Nobody has shown yet that there was anything before this epoch. */
  isFresh = false;
  /** Lane names, in the order of their keys. */
  lanes: readonly string[] = [];
  lanesText = '';
  /** Redis time minus ours, ms. */
  clockOffsetMs = 0;

  constructor(room: string) {
    this.room = room;
    this.keys = roomKeys(room);
  }

  /** Takes over what was read; the sequence may go back, as it does with a new epoch. */
  adopt(reading: RoomReading): void {
    this.epoch = Number(reading.pacer.get('epoch'));
    this.epochId = reading.pacer.get('epochId') ?? '';
    this.run = Number(reading.pacer.get('run'));
    this.guessedEpochs = reading.pacer.get('guessed')?.split(',') ?? [];
    this.isFresh = reading.pacer.has('fresh');
    this.sequence = Number(reading.pacer.get('seq'));
    this.lanesText = reading.config.get('lanes') ?? '';
    this.lanes = this.lanesText.split(',').map((part) => part.split(':')[0] ?? '');
    this.sawTime(reading.now, reading.askedAt);
  }

  /** Run of a ticket; one given while the run was a guess is of this one. */
  runOf({ run, epochId }: Pick<PlaceTicket, 'run' | 'epochId'>): number {
    if (this.guessedEpochs.length === 0) return run;
    return this.guessedEpochs.includes(withoutRedis(epochId)) ? this.run : run;
  }

  /** Whether a ticket is of this epoch, also one that a gateway gave in it while Redis was away. */
  isOf({ epochId }: Pick<PlaceTicket, 'epochId'>): boolean {
    return epochId === this.epochId || withoutRedis(epochId) === this.epochId;
  }

  saw(sequence: number): void {
    if (sequence > this.sequence) this.sequence = sequence;
  }

  /**
   * Redis gave its time as `now` when it was asked at `askedAt` (ours): at some moment between that and this one. Within
   * those bounds what was known stays, so a slow answer does not move the clock and a quick one corrects it.
   */
  sawTime(now: number, askedAt: number): void {
    const least = now - Date.now();
    const most = Math.max(least, now - askedAt);
    this.clockOffsetMs = Math.min(Math.max(this.clockOffsetMs, least), most);
  }

  /** Redis time as this gateway reckons it, Unix ms. */
  now(): number {
    return Date.now() + this.clockOffsetMs;
  }

  laneKeys(): string[] {
    return this.lanes.flatMap((lane) => [this.keys.queue(lane), this.keys.away(lane)]);
  }
}

/** See `ownEpochId` in outage.ts. */
function withoutRedis(epochId: string): string {
  return epochId.replace(/-own$/, '');
}
