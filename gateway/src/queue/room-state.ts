import type { Reason, RoomState } from '@ropeline/core/protocol/status.ts';
import { type DrawState, isBeforeOpening, isLottery, type OpeningRules } from './draw-state.ts';

export type Flags = {
  readonly closed: boolean;
  readonly soldOut: boolean;
  readonly drained: boolean;
  readonly paused: boolean;
  readonly stockHeld: boolean;
};

export const flagFields = {
  closed: 'flag.closed',
  soldOut: 'flag.soldOut',
  drained: 'flag.drained',
  paused: 'flag.paused',
  stockHeld: 'flag.stockHeld',
} as const satisfies Record<keyof Flags, string>;

export function readFlags(config: ReadonlyMap<string, string>): Flags {
  const raised = (field: string): boolean => config.get(field) === '1';
  return {
    closed: raised(flagFields.closed),
    soldOut: raised(flagFields.soldOut),
    drained: raised(flagFields.drained),
    paused: raised(flagFields.paused),
    stockHeld: raised(flagFields.stockHeld),
  };
}

/**
 * How this gateway stands to the room's Redis. `recovering`: after a loss visitors are coming back. `holding`: they are,
 * but nobody knows who is inside, so nobody is admitted for a session time.
 */
export type Link = 'up' | 'away' | 'recovering' | 'holding';

/** The first that applies; the same order as in lua/include/rules.lua. `now` is Redis time, Unix ms. */
export function roomState(
  link: Link,
  flags: Flags,
  rules: OpeningRules,
  draw: DrawState,
  now: number,
): RoomState {
  const { closesAt, opensAt, prequeueAt } = rules.schedule;
  if (link === 'away') return 'redis-away';
  if (link === 'recovering' || link === 'holding') return 'recovering';
  if (flags.closed || rules.queue.method === 'reject') return 'closed';
  if (closesAt !== undefined && now >= closesAt) return 'closed';
  if (flags.soldOut) return 'sold-out';
  if (flags.drained) return 'drained';
  if (flags.paused) return 'paused';
  if (flags.stockHeld) return 'stock-held';
  if (!isBeforeOpening(rules, draw, now)) return 'open';
  // Without a time of its own the pre-queue of a lottery is there from the start: who else would be drawn?
  const prequeue = prequeueAt ?? (isLottery(rules, draw) ? 0 : (opensAt ?? 0));
  return now < prequeue ? 'scheduled' : 'prequeue';
}

/** Why nobody is admitted in this state, as the wire says it; undefined where the state is no reason. */
export function reasonOf(state: RoomState, link: Link): Reason | undefined {
  switch (state) {
    case 'recovering':
      return link === 'holding' ? 'inside-unknown' : 'recovering';
    case 'redis-away':
    case 'closed':
    case 'sold-out':
    case 'paused':
    case 'stock-held':
      return state;
    case 'drained':
    case 'scheduled':
    case 'prequeue':
    case 'open':
      return undefined;
    default:
      return state satisfies never;
  }
}
