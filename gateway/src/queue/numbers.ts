import type { Eta, PublicRoom, RoomState, Status } from '@ropeline/core/protocol/status.ts';
import { estimate } from './estimate.ts';
import { nearRanks } from './fan-out.ts';
import type { LiveRoom } from './live-room.ts';
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
  if (visitor.state !== 'waiting' || state === 'prequeue') return none;
  const position = room.rankOf(visitor);
  if (position === undefined) return none;
  const waiting = Math.max(position, room.sketches[visitor.lane]?.waiting ?? 0);
  const moves = state === 'open' || state === 'drained';
  const etaSeconds = moves ? etaOf(room, visitor.lane, position - 1) : null;
  return { position, ahead: position - 1, waiting, etaSeconds };
}

function etaOf(room: LiveRoom, lane: number, ahead: number): Eta | null {
  const { lanes, admission } = room.rules;
  const perSecond = room.outflow.perSecond(room.cursor.now()) ?? admission.ratePerMinute / 60;
  if (lanes.length === 1) return estimate(ahead, perSecond);
  const weights = lanes.reduce((sum, { weight }, i) => sum + (room.sketches[i]?.waiting ? weight : 0), 0);
  const share = weights === 0 ? 1 : (lanes[lane]?.weight ?? 1) / weights;
  return estimate(ahead, perSecond * Math.min(1, share));
}

/** The wire's *status* of a visitor. `place` is a fresh ticket to take over. */
export function statusOf(room: LiveRoom, visitor: Visitor, place?: string): Status {
  const state = room.state;
  const waits = visitor.state === 'waiting';
  const reason = (waits ? reasonOf(state) : undefined) ?? visitor.reason;
  const { position, ahead, waiting, etaSeconds } = numbersOf(room, visitor, state);
  const { opensAt } = room.rules.schedule;
  const message = room.rules.page.message;
  const status: Writable<Status> = {
    room: room.name,
    visitor: visitor.id,
    state: waits && state === 'prequeue' ? 'scheduled' : visitor.state,
    lane: room.cursor.lanes[visitor.lane] ?? '',
    position,
    ahead,
    waiting,
    etaSeconds,
    pollAfterMs: pollAfterMs(position),
    serverTime: Math.round(room.cursor.now()),
  };
  if (visitor.state === 'admitted') status.claimBy = visitor.deadline;
  if (opensAt !== undefined) status.opensAt = opensAt;
  if (message !== '') status.message = message;
  if (reason !== undefined) status.reason = reason;
  if (place !== undefined) status.place = place;
  return status;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Two seconds near the front, five further back, by up to a fifth sooner so that polls spread. */
function pollAfterMs(position: number | null): number {
  const base = position === null || position <= nearRanks ? 2_000 : slowestPollMs;
  return Math.round(base * (0.8 + 0.2 * Math.random()));
}

export function publicRoom(room: LiveRoom): PublicRoom {
  const { opensAt, closesAt } = room.rules.schedule;
  const message = room.rules.page.message;
  return {
    room: room.name,
    state: room.state,
    waiting: room.waiting,
    ratePerMinute: room.rules.admission.ratePerMinute,
    ...(opensAt === undefined ? {} : { opensAt }),
    ...(closesAt === undefined ? {} : { closesAt }),
    ...(message === '' ? {} : { message }),
  };
}
