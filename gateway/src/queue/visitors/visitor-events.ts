import type { RoomEvent } from '../broadcast.ts';
import type { Found } from '../engine.ts';
import type { Visitor, VisitorFacts } from './roster.ts';

/**
 * States of a visitor, what enters and what leaves them (`scheduled` is told, never kept: who waits before opening):
 * - `waiting`: a join; a second chance after a lapse; coming back from `abandoned`. Left by a turn, leaving, being
 *   struck for absence, the end of the queue.
 * - `admitted`: a turn was given. Left by claim, lapse, leaving.
 * - `active`: the turn was claimed. Left by expiry, leaving, being revoked.
 * - `abandoned`: struck for absence; the place is kept and a visitor who comes back waits again.
 * - `ended`, `lapsed`, `left`, `rejected`, `revoked`: over for good.
 */
export type VisitorEvent = Exclude<
  Extract<RoomEvent, { readonly visitor: string }>,
  { readonly type: 'passed-over' }
>;

export type Facts = Partial<
  Pick<Visitor, 'turn' | 'deadline' | 'score' | 'reason' | 'sequence' | 'rankKnown'>
>;

/** What an event makes of the visitor it names. */
export function outcomeOf(
  event: Exclude<VisitorEvent, { readonly type: 'called' }>,
): Facts & Pick<Visitor, 'state'> {
  switch (event.type) {
    case 'admitted':
      return { state: 'admitted', turn: event.turn, deadline: event.claimBy };
    case 'active':
      return { state: 'active', turn: event.turn, deadline: event.deadline };
    case 'ended':
      return event.reason === 'revoked'
        ? { state: 'revoked', reason: 'revoked' }
        : { state: 'ended', reason: event.reason === 'left' ? 'left' : 'expired' };
    case 'lapsed':
      return { state: 'lapsed', reason: 'lapsed' };
    case 'waits-again':
      return { state: 'waiting', score: event.score, turn: event.turn, reason: 'lapsed', rankKnown: 0 };
    case 'abandoned':
      return { state: 'abandoned', reason: 'abandoned' };
    case 'out':
      return event.reason === 'revoked'
        ? { state: 'revoked', reason: 'revoked' }
        : { state: 'left', reason: 'left' };
    default:
      return event satisfies never;
  }
}

/** What a look-up makes of the visitor. `unknown` is for the caller: it means that the place must be joined again. */
export function foundAs(found: Found): VisitorFacts {
  const { score, turn, deadline, sequence } = found;
  const facts = { score, turn, deadline, sequence };
  switch (found.state) {
    case 'waiting':
      return { ...facts, state: 'waiting', reason: undefined, rankKnown: found.rank + 1 };
    case 'admitted':
    case 'active':
      return { ...facts, state: found.state, reason: undefined };
    case 'away':
      return { ...facts, state: 'abandoned', reason: 'abandoned' };
    case 'sold-out':
    case 'closed':
      return { ...facts, state: 'rejected', reason: found.state };
    case 'lapsed':
    case 'left':
    case 'revoked':
      return { ...facts, state: found.state, reason: found.state };
    case 'ended':
    case 'unknown':
      return { ...facts, state: 'ended', reason: 'expired' };
    default:
      return found.state satisfies never;
  }
}
