import { AppError } from '@ropeline/core/errors.ts';
import type { Entry } from '@ropeline/core/protocol/status.ts';
import type { LiveRoom } from '../queue/live-room.ts';
import type { Visitor } from '../queue/roster.ts';
import type { JoinResult } from '../queue/visits.ts';
import type { Exchange } from '../transport/http.ts';
import { roomAddress } from './answers.ts';
import type { Context } from './context.ts';
import { placeTicketOf } from './credentials.ts';

/** A request to one room's own routes. */
export type VisitRequest = {
  readonly context: Context;
  readonly exchange: Exchange;
  readonly room: LiveRoom;
  /** Cookies need `Secure`. */
  readonly secure: boolean;
};

/** The visitor whose ticket the request carries; throws `no-place` without one, `bad-ticket` for a forged one. */
export async function requireVisitor(
  request: VisitRequest,
): Promise<{ readonly visitor: Visitor; readonly freshTicket: string | undefined }> {
  const { context, exchange, room } = request;
  const ticket = placeTicketOf(exchange.headers);
  if (ticket === undefined) throw new AppError('no-place');
  const found = await context.visits.find(room, ticket);
  if (found.visitor === undefined) throw new AppError(found.why);
  return found;
}

/** What a refused join is on the wire. */
export function refusal(room: LiveRoom, refused: Exclude<JoinResult['refused'], undefined>): AppError {
  switch (refused) {
    case 'sold-out':
    case 'full':
      return new AppError(refused);
    case 'closed':
    case 'drained':
      return new AppError('room-closed');
    case 'uninvited':
      return new AppError('lane-not-allowed');
    case 'unsealed':
      return new AppError('unavailable', { detail: 'The draw is being prepared', retryAfterSeconds: 1 });
    case 'scheduled':
      return new AppError('room-closed', {
        detail: 'The room has not opened yet',
        members: { opensAt: room.rules.schedule.opensAt },
      });
    default:
      return refused satisfies never;
  }
}

export type Claimed = {
  readonly entry: Entry;
  readonly deadline: number;
  readonly turn: number;
  /** Until when the turn could be claimed, Unix ms; 0 when its session was open already. */
  readonly claimBy: number;
};

/** Takes the visitor's turn, or the same session again; throws `not-admitted`, `turn-lapsed` or `unavailable`. */
export async function claimEntry(
  context: Context,
  room: LiveRoom,
  visitor: Visitor,
  to: string,
): Promise<Claimed> {
  if (room.link === 'recovering') {
    throw new AppError('unavailable', { detail: 'The room is recovering', retryAfterSeconds: 2 });
  }
  const outcome = await context.visits.claim(room, visitor);
  if (!outcome.claimed) throw new AppError(outcome.why);
  const { turn } = outcome;
  const deadline =
    (await context.sessions.extended(room, visitor.id, turn, outcome.deadline)) ?? outcome.deadline;
  const lane = room.cursor.lanes[visitor.lane] ?? '';
  const entryToken = await context.sessions.issue(room, visitor.id, turn, deadline, lane);
  const target = roomAddress(room.name, 'enter', to);
  return { entry: { entryToken, expiresAt: deadline, target }, deadline, turn, claimBy: outcome.claimBy };
}
