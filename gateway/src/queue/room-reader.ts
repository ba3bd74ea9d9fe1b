import { noDraw, readDraw } from './draw/draw-state.ts';
import type { DrawWork } from './draw/draw-work.ts';
import { EpochLost } from './engine.ts';
import type { LiveRoom } from './live-room.ts';
import type { LineNumbers } from './numbers/line-numbers.ts';
import type { RoomNews } from './room-news.ts';
import { readRoom } from './room-reading.ts';
import { readFlags } from './room-state.ts';
import { fromFields } from './rule-fields.ts';
import { defaultRules } from './rules.ts';
import type { RoomReading } from './scripts.ts';
import { SharedReading } from './shared-reading.ts';

type Options = {
  readonly room: LiveRoom;
  readonly numbers: LineNumbers;
  readonly news: RoomNews;
  readonly drawWork: DrawWork;
  readonly tellWatchers: () => void;
  /** The room is now as it was read. */
  readonly onAdopted: (reading: RoomReading) => void;
  readonly onDeleted: () => void;
};

/**
 * Reads a room and steps over to what was read: other rules, another epoch after a loss, another run after a reset. What
 * is read of an epoch that is known, and is less than was known, is a loss.
 */
export class RoomReader {
  readonly #options: Options;
  readonly #reading = new SharedReading(() => this.#read());

  constructor(options: Options) {
    this.#options = options;
  }

  /** Reads the room again; false when it does not exist. */
  refresh(): Promise<boolean> {
    return this.#reading.ask();
  }

  /** Whatever epoch it is in; whether its run is another than the one that was known. */
  async takeOver(): Promise<boolean> {
    const { room, onDeleted } = this.#options;
    const read = await readRoom(room.engine, room.name, room.cursor.lanes);
    if (read.is === 'deleted') onDeleted();
    if (read.is === 'missing') throw new EpochLost(room.cursor.epochId);
    return read.is === 'there' && this.#adopt(read.reading);
  }

  async #read(): Promise<boolean> {
    const { room, drawWork, onDeleted } = this.#options;
    const { cursor, draw } = room;
    const { epochId, sequence } = cursor;
    // Most rooms have the default lanes: those are then read with one call.
    const guess = epochId === '' ? defaultRules.lanes.map(({ name }) => name) : cursor.lanes;
    const read = await readRoom(room.engine, room.name, guess);
    if (read.is === 'deleted') {
      onDeleted();
      return false;
    }
    const isKnown = epochId !== '';
    // Nothing there: known before = lost, never seen = does not exist.
    if (read.is === 'missing' && !isKnown) return false;
    if (read.is === 'missing' || (isKnown && knowsOther(read.reading, epochId, sequence))) {
      await room.recover(epochId);
      return !room.isDeleted;
    }
    const { run } = cursor;
    const known = draw.state;
    this.#adopt(read.reading);
    const isSealed = await drawWork.seal(run === cursor.run ? known : noDraw);
    return isSealed ? this.#read() : true;
  }

  /** Whether the run is another. */
  #adopt(reading: RoomReading): boolean {
    const { room, numbers, news, tellWatchers, onAdopted } = this.#options;
    const { cursor, recovery, visitors } = room;
    const { epochId, run, lanes } = cursor;
    const { version, state, rules } = room;
    cursor.adopt(reading);
    news.adopt(Number(reading.pacer.get('message')), epochId !== cursor.epochId);
    if (lanes.join() !== cursor.lanes.join()) visitors.renumberLanes(lanes);
    const isNew = epochId !== '' && epochId !== cursor.epochId;
    const isGuessed = isNew && cursor.guessedEpochs.includes(epochId);
    const isNewRun = epochId !== '' && run !== cursor.run && !isGuessed;
    recovery.adopt(reading, isNewRun);
    room.rules = fromFields(reading.config);
    room.draw.adopt(readDraw(reading.pacer));
    room.flags = readFlags(reading.config);
    room.version = Number(reading.config.get('version'));
    const isOtherRate = rules.admission.ratePerMinute !== room.rules.admission.ratePerMinute;
    numbers.adopt(reading, cursor.lanes, isOtherRate || state !== room.state, cursor.now());
    if (isNewRun) {
      room.sendEverybodyAway();
      visitors.clear();
    } else if (isNew) {
      visitors.forgetSequences();
    } else if (version !== room.version) {
      tellWatchers();
    }
    if (rules.page.message !== room.rules.page.message) room.fanOut.tellMessage();
    onAdopted(reading);
    if (epochId === '') recovery.catchUp();
    return isNewRun;
  }
}

/** Another epoch than the gateway's, or less of it than it had seen when it asked. */
function knowsOther({ pacer }: RoomReading, epochId: string, sequence: number): boolean {
  return pacer.get('epochId') !== epochId || Number(pacer.get('seq')) < sequence;
}
