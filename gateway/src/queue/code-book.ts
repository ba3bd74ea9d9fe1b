import { randomBytes } from 'node:crypto';
import type { RedisClient } from '@ropeline/core/redis/connect.ts';
import { accepted } from './accepted.ts';
import { makeCodes, withdrawCodes } from './code-scripts.ts';
import { codeHash } from './codes.ts';
import type { RoomCursor } from './room-cursor.ts';

/** What every code of a batch grants. */
export type Grant = {
  readonly lane: string;
  /** How often each can be used; 0 = no bound. */
  readonly uses: number;
  /** Unix ms; 0 = no end. */
  readonly expiresAt: number;
  readonly label: string;
};

export type CodeBatch = Grant & {
  readonly batch: string;
  readonly codes: number;
  readonly used: number;
  readonly withdrawn: number;
  readonly createdAt: number;
};

export type By = { readonly author: string; readonly reason: string };
export type Made =
  | { readonly batch: string }
  /** Index of a code that the room has already; nothing was made. */
  | { readonly taken: number }
  | { readonly tooMany: true };

const sweptTogether = 1_000;

/**
 * The codes of rooms, on Redis only: no gateway keeps any. Use is counted by the join script, so a code is used as
 * often as it may be and no oftener, by however many gateways. Calls throw as those of the queue engine do.
 */
export class CodeBook {
  readonly #redis: RedisClient;

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  /** Makes a batch of codes, all or none. */
  async make(cursor: RoomCursor, codes: readonly string[], grant: Grant, by: By): Promise<Made> {
    const { epochId, sequence, room } = cursor;
    const batch = randomBytes(6).toString('hex');
    const { lane, uses, expiresAt, label } = grant;
    const hashes = codes.map((code) => codeHash(room, code));
    const answer = await makeCodes.call(this.#redis, keysOf(cursor), [
      epochId,
      sequence,
      batch,
      lane,
      uses,
      expiresAt,
      label,
      by.author,
      by.reason,
      ...hashes,
    ]);
    if (answer === 'too-many') return { tooMany: true };
    if (typeof answer === 'object' && 'taken' in answer) return answer;
    accepted(cursor, epochId, answer);
    return { batch };
  }

  /** How many of these codes the room had. */
  async withdraw(cursor: RoomCursor, codes: readonly string[], by: By): Promise<number> {
    const hashes = codes.map((code) => codeHash(cursor.room, code));
    return this.#withdraw(cursor, '', by, hashes);
  }

  /** Whether there was such a batch. Its codes grant nothing from that moment on. */
  async withdrawBatch(cursor: RoomCursor, batch: string, by: By): Promise<boolean> {
    const found = (await this.#withdraw(cursor, batch, by, [])) > 0;
    if (found) await this.#sweep(cursor, batch);
    return found;
  }

  /** Newest first. */
  async list(cursor: RoomCursor): Promise<readonly CodeBatch[]> {
    const fields = await this.#redis.hgetall(cursor.keys.codeBatches);
    const batches = Object.entries(fields).flatMap(([batch, text]) => {
      if (batch.includes(':')) return [];
      const [lane = '', uses, expiresAt, codes, createdAt] = text.split(':');
      return [
        {
          batch,
          lane,
          label: fields[`label:${batch}`] ?? '',
          uses: Number(uses),
          expiresAt: Number(expiresAt),
          codes: Number(codes),
          used: Number(fields[`used:${batch}`] ?? 0),
          withdrawn: Number(fields[`withdrawn:${batch}`] ?? 0),
          createdAt: Number(createdAt),
        },
      ];
    });
    return batches.sort((a, b) => b.createdAt - a.createdAt);
  }

  async #withdraw(
    cursor: RoomCursor,
    batch: string,
    { author, reason }: By,
    hashes: readonly string[],
  ): Promise<number> {
    const { epochId, sequence } = cursor;
    const args = [epochId, sequence, batch, author, reason, ...hashes];
    const answer = await withdrawCodes.call(this.#redis, keysOf(cursor), args);
    return accepted(cursor, epochId, answer).rest[0] ?? 0;
  }

  async #sweep({ keys }: RoomCursor, batch: string): Promise<void> {
    let from = '0';
    do {
      const [next, flat] = await this.#redis.hscan(keys.codes, from, 'COUNT', sweptTogether);
      const swept = flat.filter((_, i) => i % 2 === 0 && flat[i + 1]?.startsWith(`${batch}:`));
      if (swept.length > 0) await this.#redis.hdel(keys.codes, ...swept);
      from = next;
    } while (from !== '0');
  }
}

function keysOf({ keys }: RoomCursor): readonly string[] {
  return [keys.config, keys.pacer, keys.audit, keys.codes, keys.codeBatches];
}
