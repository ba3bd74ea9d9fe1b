import type {
  Eta,
  PublicRoom,
  Reason,
  RoomState,
  Status,
  VisitorState,
} from '@ropeline/core/protocol/status.ts';
import { publicDraw } from './draw-state.ts';
import { estimate, turnsBefore } from './estimate.ts';
import { jittered, nearRanks, updateIntervalMs } from './fan-out.ts';
import type { LiveRoom } from './live-room.ts';
import { promise } from './promise.ts';
import { reasonOf } from './room-state.ts';
import type { Visitor } from './roster.ts';

/** uWebSockets.js closes a connection idle for about 8 s, so polls come at most 5 s apart. */
const slowestPollMs = 5_000;

export type Numbers = {
  readonly position: number | null;
  readonly ahead: number | null;
  readonly waiting: number | null;
  readonly etaSeconds: Eta | null;
};

const none: Numbers = { position: null, ahead: null, waiting: null, etaSeconds: null };

/** Position and estimate of a visitor, from memory. `state` is the room's, if it is known already. */
export function numbersOf(room: LiveRoom, visitor: Visitor, state: RoomState = room.state): Numbers {
  if (visitor.state !== 'waiting' || room.isBeforeOpening) return none;
  const position = room.rankOf(visitor);
  if (position === undefined) return none;
  const waiting = Math.max(position, room.sketches[visitor.lane]?.waiting ?? 0);
  const moves = state === 'open' || state === 'drained';
  const etaSeconds = moves ? etaOf(room, visitor.lane, position - 1) : null;
  return { position, ahead: position - 1, waiting, etaSeconds };
}

function etaOf(room: LiveRoom, lane: number, ahead: number): Eta | null {
  const { lanes } = room.rules;
  const before =
    lanes.length === 1
      ? { likely: ahead, most: ahead }
      : turnsBefore(
          ahead,
          lane,
          lanes.map(({ weight }, i) => ({ weight, waiting: room.sketches[i]?.waiting ?? 0 })),
        );
  return estimate(before, room.pace);
}

/**
 * Numbers as they are told to the visitor now, with the reason where the estimate is not the one promised before (see
 * {@link promise}). Where there is no estimate nothing is promised any more.
 */
export function tellNumbers(
  room: LiveRoom,
  visitor: Visitor,
  state: RoomState = room.state,
): Numbers & { readonly reason: Reason | undefined } {
  const numbers = numbersOf(room, visitor, state);
  const reason = reasonOf(state, room.link);
  const { etaSeconds } = numbers;
  if (etaSeconds === null) {
    if (visitor.promised !== undefined)
      visitor.promised = { first: visitor.promised.first, latest: undefined };
    return { ...numbers, reason };
  }
  const noted = promise(visitor.promised, etaSeconds, room.pace.basis, room.cursor.now());
  visitor.promised = noted.promised;
  return { ...numbers, reason: reason ?? noted.reason };
}

/** The wire's *status* of a visitor, told now. `place` is a fresh ticket to take over. */
export function statusOf(room: LiveRoom, visitor: Visitor, place?: string): Status {
  const state = room.state;
  const waits = visitor.state === 'waiting';
  const told = tellNumbers(room, visitor, state);
  const reason = (waits ? told.reason : undefined) ?? visitor.reason;
  const { position, ahead, waiting, etaSeconds } = told;
  const { opensAt, closesAt } = room.rules.schedule;
  const message = room.rules.page.message;
  const status: Writable<Status> = {
    room: room.name,
    visitor: visitor.id,
    state: toldState(visitor, state),
    lane: room.cursor.lanes[visitor.lane] ?? '',
    position,
    ahead,
    waiting,
    etaSeconds,
    pollAfterMs: pollAfterMs(position, state),
    serverTime: Math.round(room.cursor.now()),
  };
  if (visitor.state === 'admitted') status.claimBy = visitor.deadline;
  if (opensAt !== undefined) status.opensAt = opensAt;
  if (closesAt !== undefined) status.closesAt = closesAt;
  if (message !== '') status.message = message;
  if (reason !== undefined) status.reason = reason;
  if (place !== undefined) status.place = place;
  return status;
}

/** Who waits before the opening is told `scheduled`. */
export function toldState(visitor: Visitor, state: RoomState): VisitorState {
  return visitor.state === 'waiting' && state === 'prequeue' ? 'scheduled' : visitor.state;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** As often as sockets get numbers, but at least every five seconds; two where there is no position to tell. */
function pollAfterMs(position: number | null, state: RoomState): number {
  const rank = position ?? (state === 'prequeue' ? Number.POSITIVE_INFINITY : 2 * nearRanks);
  return Math.round(jittered(Math.min(slowestPollMs, updateIntervalMs(rank))));
}

export function publicRoom(room: LiveRoom): PublicRoom {
  const { opensAt, closesAt } = room.rules.schedule;
  const message = room.rules.page.message;
  const draw = publicDraw(room.rules, room.draw.state);
  const { state } = room;
  return {
    room: room.name,
    state,
    ...(state === 'redis-away' ? { onFailure: room.rules.onFailure } : {}),
    ...recovering(room, state),
    waiting: room.waiting,
    ratePerMinute: room.rules.admission.ratePerMinute,
    ...(opensAt === undefined ? {} : { opensAt }),
    ...(closesAt === undefined ? {} : { closesAt }),
    ...(draw === undefined ? {} : { draw }),
    ...(message === '' ? {} : { message }),
  };
}

function recovering(room: LiveRoom, state: RoomState): Pick<PublicRoom, 'reason' | 'recoversAt'> {
  const reason = reasonOf(state, room.link);
  if (state !== 'recovering' || reason === undefined) return {};
  const { recoversAt } = room;
  return { reason, ...(recoversAt === undefined ? {} : { recoversAt }) };
}
