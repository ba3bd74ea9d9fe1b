import { type RoomState, roomStates } from '@ropeline/core/protocol/status.ts';
import { type Static, Type } from 'typebox';
import type { LiveRoom } from '../queue/live-room.ts';
import { RoomRules } from '../queue/rules.ts';
import { Counts, countsOf } from './room-numbers.ts';

const State = Type.Unsafe<RoomState>({
  type: 'string',
  enum: roomStates,
  description: 'The first that applies of what Redis, flags, stock and schedule say',
});

export const RoomSummary = Type.Object({
  room: Type.String(),
  state: State,
  version: Type.Integer({ description: 'Of rules and flags; goes up with every change' }),
  ratePerMinute: Type.Integer(),
  counts: Counts,
});

export const RoomView = Type.Object({
  room: Type.String(),
  state: State,
  version: Type.Integer({ description: 'Of rules and flags; goes up with every change' }),
  run: Type.Integer({ description: 'Event of the room; a reset begins the next' }),
  flags: Type.Object(
    {
      closed: Type.Boolean(),
      soldOut: Type.Boolean(),
      drained: Type.Boolean(),
      paused: Type.Boolean(),
      stockHeld: Type.Boolean(),
    },
    { description: 'Set by actions, and soldOut and stockHeld by stock signals' },
  ),
  counts: Counts,
  rules: RoomRules,
});

export async function summaryOf(room: LiveRoom): Promise<Static<typeof RoomSummary>> {
  return {
    room: room.name,
    state: room.state,
    version: room.version,
    ratePerMinute: room.rules.admission.ratePerMinute,
    counts: await countsOf(room),
  };
}

/** The room as this gateway knows it; a change made through this gateway is in it, one made elsewhere follows at once. */
export async function viewOf(room: LiveRoom): Promise<Static<typeof RoomView>> {
  const counts = await countsOf(room);
  const { name, state, version, flags, rules } = room;
  return { room: name, state, version, run: room.cursor.run, flags, counts, rules };
}
