import type { Eta, PublicRoom, Reason, Status } from '@ropeline/core/protocol/status.ts';
import { estimate } from './estimate.ts';
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

/** Position and estimate of a visitor, from memory. */
export function numbersOf(room: LiveRoom, visitor: Visitor): Numbers {
  if (visitor.state !== 'waiting' || room.state === 'prequeue') return none;
  const position = room.rankOf(visitor);
  if (position === undefined) return none;
  const waiting = Math.max(position, room.sketches[visitor.lane]?.waiting ?? 0);
  return { position, ahead: position - 1, waiting, etaSeconds: etaOf(room, visitor.lane, position - 1) };
}

function etaOf(room: LiveRoom, lane: number, ahead: number): Eta | null {
  if (room.state !== 'open' && room.state !== 'drained') return null;
  const { lanes, admission } = room.rules;
  const weights = lanes.reduce((sum, { weight }, i) => sum + (room.sketches[i]?.waiting ? weight : 0), 0);
  const share = weights === 0 ? 1 : (lanes[lane]?.weight ?? 1) / weights;
  const measured = room.outflow.perSecond(room.cursor.now());
  return estimate(ahead, (measured ?? admission.ratePerMinute / 60) * Math.min(1, share));
}

/** The wire's *status* of a visitor. `place` is a fresh ticket to take over. */
export function statusOf(room: LiveRoom, visitor: Visitor, place?: string): Status {
  const state = room.state;
  const waits = visitor.state === 'waiting';
  const reason: Reason | undefined = (waits ? reasonOf(state) : undefined) ?? visitor.reason;
  const { opensAt } = room.rules.schedule;
  const message = room.rules.page.message;
  return {
    room: room.name,
    visitor: visitor.id,
    state: waits && state === 'prequeue' ? 'scheduled' : visitor.state,
    lane: room.cursor.lanes[visitor.lane] ?? '',
    ...numbersOf(room, visitor),
    ...(visitor.state === 'admitted' ? { claimBy: visitor.deadline } : {}),
    pollAfterMs: pollAfterMs(room, visitor),
    ...(opensAt === undefined ? {} : { opensAt }),
    ...(message === '' ? {} : { message }),
    ...(reason === undefined ? {} : { reason }),
    ...(place === undefined ? {} : { place }),
    serverTime: Math.round(room.cursor.now()),
  };
}

/** Two seconds near the front, five further back, by up to a fifth sooner so that polls spread. */
function pollAfterMs(room: LiveRoom, visitor: Visitor): number {
  const near = visitor.state !== 'waiting' || (room.rankOf(visitor) ?? 1) <= 1_000;
  const base = near ? 2_000 : slowestPollMs;
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
