import type { DrawEngine } from './draw-engine.ts';
import type { RecoveryEngine } from './recovery-engine.ts';
import type { RoomCursor } from './room-cursor.ts';
import type { RoomReading } from './scripts.ts';

/** A visitor's place as its ticket tells it. */
export type Place = {
  readonly visitor: string;
  /** Index into the room's lanes. */
  readonly lane: number;
  /** Integer below 2^53; 0 = no ticket yet, -1 = in the draw, which has not been made. */
  readonly score: number;
};

export type JoinRequest = Place & {
  /** Id for a new place when the ticket's is over. */
  readonly fresh: string;
  /** Hash of a code that the visitor shows (see {@link codeHash}). */
  readonly code?: string;
};

export type JoinRefusal = 'closed' | 'sold-out' | 'drained' | 'full' | 'scheduled' | 'unsealed' | 'uninvited';
export type JoinOutcome =
  | { readonly refused: JoinRefusal }
  | {
      readonly refused?: undefined;
      readonly isNew: boolean;
      readonly visitor: string;
      /** Index into the room's lanes: of the place that there was, that a code has granted, or asked for. */
      readonly lane: number;
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

/** What a gateway gave while Redis was away: a turn, a session, or a place that waits. */
export type Entered = Place & {
  readonly stage: 'turn' | 'session' | 'place';
  /** 0 for a place. */
  readonly turn: number;
  /** Of the claim or the session, Unix ms; 0 for a place. */
  readonly deadline: number;
};

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
  | { readonly occupied: true }
  /** Somebody has joined the draw: its beacon's name stays. */
  | { readonly beaconSettled: true };

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
  /** The draw of a lottery. */
  readonly draw: DrawEngine;
  readonly recovery: RecoveryEngine;
  /**
   * Creates the room unless it exists; see lua/create_room.lua for epochs and settling. `deleted`: somebody deleted the
   * room, so what is remembered of it was not put back.
   */
  create(
    room: string,
    fields: ReadonlyMap<string, string>,
    options: CreateOptions,
  ): Promise<'created' | 'existed' | 'deleted'>;
  /** Everything of the room but its audit; the broadcast tells every gateway. */
  delete(cursor: RoomCursor, author: string, reason: string): Promise<void>;
  read(room: string, lanes: readonly string[]): Promise<RoomReading>;
  join(cursor: RoomCursor, request: JoinRequest): Promise<JoinOutcome>;
  /** Seats a visitor of an older epoch again where it stood; undefined when that place is over. */
  seat(cursor: RoomCursor, place: Place): Promise<JoinOutcome | undefined>;
  lookUp(cursor: RoomCursor, place: Place): Promise<Found>;
  claim(cursor: RoomCursor, visitor: string): Promise<ClaimOutcome>;
  /** Whether there was something to leave. */
  leave(cursor: RoomCursor, visitor: string, reason: 'left' | 'revoked'): Promise<boolean>;
  /** The session's new deadline in Unix ms, or 0 when it is over. */
  renew(cursor: RoomCursor, visitor: string, turn: number): Promise<number>;
  /** And whether the visitor waits. */
  mark(cursor: RoomCursor, place: Place, mark: Mark): Promise<Marked>;
  /** Enters what was given in run `run` while Redis was away; what was entered before stays as it is. */
  enter(cursor: RoomCursor, run: number, entries: readonly Entered[]): Promise<void>;
  /** `holder`: id of a gateway that holds sockets and renews its lease with this call; empty = not now. */
  tick(cursor: RoomCursor, holder: string): Promise<Tick>;
  /** The new version, the conflicting one, or that a lane to be taken away is occupied: then nothing was done. */
  change(cursor: RoomCursor, change: RoomChange): Promise<ChangeOutcome>;
  signal(cursor: RoomCursor, stock: Stock, author: string): Promise<void>;
  reset(cursor: RoomCursor, author: string, reason: string): Promise<void>;
};

export type CreateOptions = {
  readonly epochId: string;
  readonly author: string;
  readonly reason?: string;
  /** What is put in place of an epoch that was lost; without it only a room that does not exist is made. */
  readonly remembered?: Remembered;
};

/** What a gateway knows of the epoch that is lost; see lua/create_room.lua. */
export type Remembered = {
  readonly epochId: string;
  readonly epoch: number;
  readonly run: number;
  /** Of the rules that are put back. */
  readonly version: number;
  readonly turn: number;
  readonly firstTurn: number;
  readonly lanes: readonly string[];
  readonly settleMs: number;
  /** For how long to admit nobody because it is not known who is inside; 0 = it is known. */
  readonly holdMs: number;
};
