import { type RoomState, roomStates } from '@ropeline/core/protocol/status.ts';
import { type Static, Type } from 'typebox';
import { type DrawPhase, phaseOf, publicDraw } from '../queue/draw-state.ts';
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

const DrawView = Type.Object(
  {
    phase: Type.Unsafe<DrawPhase>({
      type: 'string',
      enum: ['gathering', 'counting', 'beacon', 'drawing', 'drawn'],
      description: 'beacon = the operator’s call with its value is waited for',
    }),
    commitment: Type.String({ description: 'SHA-256 of the seed, hex' }),
    beaconName: Type.Optional(Type.String()),
    participants: Type.Optional(Type.Integer()),
    participantsHash: Type.Optional(
      Type.String({ description: 'Of the list of participants (docs/draw.md)' }),
    ),
    beacon: Type.Optional(Type.String()),
    seed: Type.Optional(Type.String({ description: '32 bytes, hex; once the draw is made' })),
  },
  { description: 'Of a lottery: what is public of its draw' },
);

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
  draw: Type.Optional(DrawView),
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

function drawOf(room: LiveRoom): { draw?: Static<typeof DrawView> } {
  const draw = publicDraw(room.rules, room.draw.state);
  return draw === undefined
    ? {}
    : { draw: { phase: phaseOf(room.draw.state, room.rules.queue.beacon), ...draw } };
}

/** The room as this gateway knows it; a change made through this gateway is in it, one made elsewhere follows at once. */
export async function viewOf(room: LiveRoom): Promise<Static<typeof RoomView>> {
  const counts = await countsOf(room);
  const { name, state, version, flags, rules } = room;
  const draw = drawOf(room);
  return { room: name, state, version, run: room.cursor.run, flags, counts, ...draw, rules };
}
