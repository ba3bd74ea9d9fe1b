import type { RedisClient } from '@ropeline/core/redis/connect.ts';
import { accepted } from './accepted.ts';
import {
  advanceDraw,
  type BeaconAnswer,
  type DrawStep,
  giveBeacon,
  type Participant,
  readParticipants,
  sealDraw,
} from './draw-scripts.ts';
import { type DrawState, keptDrawFields } from './draw-state.ts';
import type { RoomCursor } from './room-cursor.ts';

export type DrawWork = {
  readonly gateway: string;
  /** Of the participants' list, when this gateway has counted it. */
  readonly hash: string | undefined;
  readonly scores: readonly Participant[];
  /** Most participants to be told for the next step. */
  readonly most: number;
};

/**
 * The draw of a room on Redis. Every step is repeat-safe, by any number of gateways in any order: a seed is never
 * replaced within a run, a list that is closed never changes, and hash and scores follow from list, seed and beacon.
 */
export class DrawEngine {
  readonly #redis: RedisClient;

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  /** Gives the run the seed of `draw` unless it has one, with all else that is known of that draw. */
  async seal(cursor: RoomCursor, draw: DrawState & { readonly seed: string; readonly commitment: string }) {
    const { epochId, sequence, run, keys } = cursor;
    const fields = keptDrawFields(draw).filter(([field]) => !/^draw\.(seed|commitment)$/.test(field));
    const head = [epochId, sequence, keys.tick, run, draw.seed, draw.commitment];
    const answer = await sealDraw.call(this.#redis, [keys.config, keys.pacer], [...head, ...fields.flat()]);
    return accepted(cursor, epochId, answer).sealed;
  }

  /** Writes what this gateway has worked out, and tells what is to be done next. */
  async advance(cursor: RoomCursor, { gateway, hash = '', scores, most }: DrawWork): Promise<DrawStep> {
    const { epochId, sequence, lanesText, keys } = cursor;
    const answer = await advanceDraw.call(
      this.#redis,
      [keys.config, keys.pacer, keys.drawn, ...cursor.laneKeys()],
      [
        ...[epochId, sequence, lanesText, keys.tick, gateway, hash, most],
        ...scores.flatMap(({ member, score }) => [member, score]),
      ],
    );
    return accepted(cursor, epochId, answer);
  }

  /** The value of the beacon; it is taken once, when the participants' hash is public. */
  async giveBeacon(cursor: RoomCursor, value: string, author: string, reason: string): Promise<BeaconAnswer> {
    const { epochId, sequence, keys } = cursor;
    const answer = await giveBeacon.call(
      this.#redis,
      [keys.config, keys.pacer, keys.audit],
      [epochId, sequence, keys.tick, value, author, reason],
    );
    if (typeof answer !== 'string' && answer.outcome !== 'given') return answer;
    return accepted(cursor, epochId, answer);
  }

  /** A part of the participants in the order of their scores, equal ones by the bytes of `lane:visitor`. */
  async participants(cursor: RoomCursor, from: number, count: number): Promise<readonly Participant[]> {
    const { epochId, sequence, keys } = cursor;
    const answer = await readParticipants.call(
      this.#redis,
      [keys.config, keys.pacer, keys.drawn],
      [epochId, sequence, from, count],
    );
    return accepted(cursor, epochId, answer).participants;
  }
}
