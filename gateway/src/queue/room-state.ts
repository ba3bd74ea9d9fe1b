import type { Reason, RoomState } from '@ropeline/core/protocol/status.ts';
import type { RoomRules } from './rules.ts';

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

/** How this gateway stands to the room's Redis. */
export type Link = 'up' | 'away' | 'recovering';

/** The first that applies; the same order as in lua/include/rules.lua. `now` is Redis time, Unix ms. */
export function roomState(link: Link, flags: Flags, schedule: RoomRules['schedule'], now: number): RoomState {
  if (link === 'away') return 'redis-away';
  if (link === 'recovering') return 'recovering';
  if (flags.closed || (schedule.closesAt !== undefined && now >= schedule.closesAt)) return 'closed';
  if (flags.soldOut) return 'sold-out';
  if (flags.drained) return 'drained';
  if (flags.paused) return 'paused';
  if (flags.stockHeld) return 'stock-held';
  if (schedule.opensAt !== undefined && now < schedule.opensAt) {
    return now < (schedule.prequeueAt ?? schedule.opensAt) ? 'scheduled' : 'prequeue';
  }
  return 'open';
}

/** Why nobody is admitted in this state, as the wire says it; undefined where the state is no reason. */
export function reasonOf(state: RoomState): Reason | undefined {
  switch (state) {
    case 'redis-away':
    case 'recovering':
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
