import type { RedisClient } from '@ropeline/core/redis/connect.ts';
import { accepted } from './accepted.ts';
import { Batcher } from './batcher.ts';
import { countEntries, readSpent, restoreRoom, type SpentPage } from './recovery-scripts.ts';
import type { RoomCursor } from './room-cursor.ts';

/** A valid entry token, as far as its session is concerned. */
export type SeenEntry = {
  readonly visitor: string;
  readonly turn: number;
  readonly expiresAtMs: number;
  readonly lane: string;
};
/** `lost`: unknown to a room that was made without memory; it was not counted. */
export type EntryOutcome = 'over' | 'known' | 'counted' | 'lost';
const entryOutcomes = ['over', 'known', 'counted', 'lost'] as const;

export type SpentPart = 'turns' | 'over' | 'ended' | { readonly lane: number };

/**
 * What recovery needs of a room on Redis. Every call is repeat-safe and may be made by any number of gateways in any
 * order: what is put back merges with what is there, and the later fact wins.
 */
export class RecoveryEngine {
  readonly #redis: RedisClient;
  readonly #entries = new WeakMap<RoomCursor, Batcher<SeenEntry, EntryOutcome>>();

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  /** Puts back a chunk of the spent record; see lua/restore_room.lua. */
  async restore(cursor: RoomCursor, words: readonly string[]): Promise<void> {
    const { presence, admitted, active, turns, over, ended, drawn, config, pacer, tick } = cursor.keys;
    const keys = [config, pacer, presence, admitted, active, turns, over, ended, drawn];
    for (;;) {
      const { epochId, sequence, lanesText } = cursor;
      const args = [epochId, sequence, lanesText, tick, ...words];
      const answer = await restoreRoom.call(this.#redis, [...keys, ...cursor.laneKeys()], args);
      if (!accepted(cursor, epochId, answer).again) return;
    }
  }

  /** A page of what Redis knows; `next` = '0' after the last. */
  async readSpent(cursor: RoomCursor, part: SpentPart, from: string): Promise<SpentPage> {
    const { config, pacer, admitted, active, turns, over, ended } = cursor.keys;
    const keys = [config, pacer, admitted, active, turns, over, ended, ...cursor.laneKeys()];
    const { epochId, sequence, lanesText } = cursor;
    const name = typeof part === 'string' ? part : part.lane + 1;
    const answer = await readSpent.call(this.#redis, keys, [epochId, sequence, lanesText, name, from]);
    return accepted(cursor, epochId, answer);
  }

  /** Whether the session of a token that this gateway sees for the first time lives; batched. */
  countEntry(cursor: RoomCursor, entry: SeenEntry): Promise<EntryOutcome> {
    const batcher = this.#entries.get(cursor) ?? new Batcher((items) => this.#count(cursor, items));
    this.#entries.set(cursor, batcher);
    return batcher.add(entry);
  }

  async #count(cursor: RoomCursor, items: readonly SeenEntry[]): Promise<EntryOutcome[]> {
    const { config, pacer, presence, admitted, active, turns, over, ended, tick } = cursor.keys;
    const keys = [config, pacer, presence, admitted, active, turns, over, ended, ...cursor.laneKeys()];
    const { epochId, sequence, lanesText } = cursor;
    const tokens = items.flatMap(({ visitor, turn, expiresAtMs, lane }) => [
      visitor,
      turn,
      expiresAtMs,
      lane,
    ]);
    const args = [epochId, sequence, lanesText, tick, ...tokens];
    const answer = await countEntries.call(this.#redis, keys, args);
    return accepted(cursor, epochId, answer).codes.map((code) => entryOutcomes[code] ?? 'over');
  }
}
