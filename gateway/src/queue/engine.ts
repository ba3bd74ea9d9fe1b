import type { RoomCursor } from './room-cursor.ts';
import type { RoomReading } from './scripts.ts';

/** A visitor's place as its ticket tells it. */
export type Place = {
  readonly visitor: string;
  /** Index into the room's lanes. */
  readonly lane: number;
  /** Integer below 2^53; 0 = no ticket yet. */
  readonly score: number;
};

export type JoinRequest = Place & {
  /** The ticket is of an epoch before this one. */
  readonly older: boolean;
  /** Id for a new place when the ticket's is over. */
  readonly fresh: string;
};

export type JoinRefusal = 'closed' | 'sold-out' | 'drained' | 'full' | 'scheduled';
export type JoinOutcome =
  | { readonly refused: JoinRefusal }
  | {
      readonly refused?: undefined;
      readonly isNew: boolean;
      readonly visitor: string;
      readonly score: number;
      readonly state: 'waiting' | 'admitted' | 'active';
      /** Of the claim (admitted) or the session (active), Unix ms; 0 while waiting. */
      readonly deadline: number;
      readonly turn: number;
      /** In the lane, from 1, of a place that waits; else 0. */
      readonly position: number;
      /** Number of the write: what the broadcast tells of a later one is newer. */
      readonly sequence: number;
    };

export type Found = {
  readonly state:
    | 'waiting'
    | 'away'
    | 'admitted'
    | 'active'
    | 'ended'
    | 'lapsed'
    | 'left'
    | 'revoked'
    | 'sold-out'
    | 'closed'
    | 'unknown';
  readonly score: number;
  readonly deadline: number;
  readonly turn: number;
  /** From 0, exact at this moment; only of who waits. */
  readonly rank: number;
  /** Last write before the look. */
  readonly sequence: number;
};

export type ClaimOutcome =
  | {
      readonly claimed: true;
      /** The session was open already. */
      readonly again: boolean;
      readonly turn: number;
      readonly deadline: number;
      /** Until when the turn could be claimed, Unix ms; 0 when `again`. */
      readonly claimBy: number;
    }
  | { readonly claimed: false; readonly why: 'not-admitted' | 'turn-lapsed' };

export type Mark = 'hold' | 'grace' | 'lease';
export type Marked = { readonly waiting: boolean; readonly sequence: number };

export type Tick = {
  readonly now: number;
  /** Whether this call did the slot's work; the numbers below are only then true. */
  readonly worked: boolean;
  readonly admitted: number;
  /** Nearest deadline of anybody in the room, Unix ms; 0 = none. */
  readonly nextDeadline: number;
  readonly waiting: number;
  /** Admitted + active. */
  readonly inside: number;
  /** Turns found lapsed. */
  readonly lapsed: number;
};

export type RoomChange = {
  readonly author: string;
  readonly action: string;
  readonly reason: string;
  /** Fields of the config hash; an empty value removes one. */
  readonly fields: readonly (readonly [string, string])[];
  /** Version that the change is based on; 0 = any. */
  readonly expectedVersion: number;
  /** Lanes that the change takes away: it is refused while somebody stands in one. */
  readonly removedLanes?: readonly string[];
};

export type ChangeOutcome =
  | { readonly version: number }
  | { readonly conflict: number }
  | { readonly occupied: true };

export type Stock = { readonly capacity: number; readonly held: number; readonly sold: number };

/** Thrown by every call when Redis knows another epoch or less than this gateway: nothing was done. */
export class EpochLost extends Error {
  /** The epoch that the call believed in; the gateway may have gone over to another meanwhile. */
  readonly epochId: string;

  constructor(epochId: string) {
    super(`epoch ${epochId} is lost`);
    this.epochId = epochId;
  }
}
/** Thrown when the room's lanes changed since the cursor was read: nothing was done. */
export class CursorStale extends Error {}

/**
 * The queue of a room on Redis. Guarantees:
 *
 * - Every call is one Lua script on one slot: it happens whole or not at all, in one order for all gateways, by
 *   Redis time. Calls of one event-loop turn share a script call; each item is answered by itself.
 * - A call that throws anything but {@link EpochLost} or {@link CursorStale} (Redis away, a deadline) has an
 *   unknown outcome; repeating it is safe: joins are keyed by visitor, claims answer the same session again.
 * - Admission is decided in `tick` and, for an idle room, in `join`, and nowhere else.
 */
export type QueueEngine = {
  /** Creates the room unless it exists; see lua/create_room.lua for epochs and settling. */
  create(
    room: string,
    fields: ReadonlyMap<string, string>,
    options: CreateOptions,
  ): Promise<'created' | 'existed'>;
  read(room: string, lanes: readonly string[]): Promise<RoomReading>;
  join(cursor: RoomCursor, request: JoinRequest): Promise<JoinOutcome>;
  lookUp(cursor: RoomCursor, place: Place): Promise<Found>;
  claim(cursor: RoomCursor, visitor: string): Promise<ClaimOutcome>;
  /** Whether there was something to leave. */
  leave(cursor: RoomCursor, visitor: string, reason: 'left' | 'revoked'): Promise<boolean>;
  /** The session's new deadline in Unix ms, or 0 when it is over. */
  renew(cursor: RoomCursor, visitor: string, turn: number): Promise<number>;
  /** And whether the visitor waits. */
  mark(cursor: RoomCursor, place: Place, mark: Mark): Promise<Marked>;
  /** `holder`: id of a gateway that holds sockets and renews its lease with this call; empty = not now. */
  tick(cursor: RoomCursor, holder: string): Promise<Tick>;
  /** The new version, the conflicting one, or that a lane to be taken away is occupied: then nothing was done. */
  change(cursor: RoomCursor, change: RoomChange): Promise<ChangeOutcome>;
  signal(cursor: RoomCursor, stock: Stock, author: string): Promise<void>;
  reset(cursor: RoomCursor, author: string, reason: string): Promise<void>;
};

export type CreateOptions = {
  readonly epochId: string;
  readonly lastEpoch: number;
  readonly run: number;
  readonly settleMs: number;
  /** Epoch that is given up; empty = only a room that does not exist. */
  readonly replaces: string;
  readonly author: string;
};
