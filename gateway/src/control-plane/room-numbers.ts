import { type Static, Type } from 'typebox';
import { ask } from '../queue/ask.ts';
import type { LiveRoom } from '../queue/live-room.ts';
import type { RoomReading } from '../queue/scripts.ts';

const Count = Type.Integer({ minimum: 0 });

export const Counts = Type.Object({
  waiting: Count,
  admitted: Type.Integer({ description: 'Turns given and not yet claimed' }),
  active: Type.Integer({ description: 'Sessions' }),
});

export const Totals = Type.Object(
  {
    joined: Count,
    turns: Type.Integer({ description: 'Number of the last turn; goes on over resets' }),
    claimed: Count,
    lapsed: Count,
    ended: Count,
    left: Count,
    abandoned: Count,
  },
  { description: 'Since the run began' },
);

export const Stats = Type.Object({
  room: Type.String(),
  at: Type.Integer({ description: 'Redis time, Unix ms' }),
  state: Type.String(),
  version: Type.Integer(),
  ratePerMinute: Type.Integer(),
  capacity: Type.Integer(),
  waiting: Count,
  away: Type.Integer({ description: 'Abandoned: their places are kept and not counted' }),
  admitted: Type.Integer({ description: 'Turns given and not yet claimed' }),
  active: Type.Integer({ description: 'Sessions' }),
  outflowPerSecond: Type.Union([Type.Number(), Type.Null()], {
    description: 'Admissions really made over the last minute; null until five seconds were measured',
  }),
  lanes: Type.Array(
    Type.Object({ lane: Type.String(), weight: Type.Integer(), waiting: Count, away: Count }),
  ),
  totals: Totals,
  stock: Type.Union([
    Type.Object({ capacity: Type.Integer(), held: Type.Integer(), sold: Type.Integer() }),
    Type.Null(),
  ]),
});
export type Stats = Static<typeof Stats>;

/** Exact numbers from Redis, one script; throws `unavailable` when it cannot be asked. */
export async function readStats(room: LiveRoom): Promise<Stats> {
  const reading = await ask(room, () => room.engine.read(room.name, room.cursor.lanes));
  const { rules, state, version } = room;
  return {
    room: room.name,
    at: reading.now,
    state,
    version,
    ratePerMinute: rules.admission.ratePerMinute,
    capacity: rules.admission.capacity,
    waiting: sum(reading.lanes.map(({ waiting }) => waiting)),
    away: sum(reading.lanes.map(({ away }) => away)),
    admitted: reading.admitted,
    active: reading.active,
    outflowPerSecond: room.outflow.perSecond(room.cursor.now()) ?? null,
    lanes: rules.lanes.map(({ name, weight }, i) => ({
      lane: name,
      weight,
      ...(reading.lanes[i] ?? { waiting: 0, away: 0 }),
    })),
    totals: totalsOf(reading.pacer),
    stock: stockOf(reading),
  };
}

/** Exact from Redis; while it is away what this gateway heard last. */
export async function countsOf(room: LiveRoom): Promise<Static<typeof Counts>> {
  try {
    const { waiting, admitted, active } = await readStats(room);
    return { waiting, admitted, active };
  } catch {
    return { waiting: room.waiting, admitted: room.admittedNow, active: room.activeNow };
  }
}

/** Of the pacer hash or of a sample in `history`: both count under the same names. */
export function totalsOf(counted: ReadonlyMap<string, string>): Static<typeof Totals> {
  const of = (field: string): number => Number(counted.get(field) ?? 0);
  return {
    joined: of('joined'),
    turns: of('turn'),
    claimed: of('claimed'),
    lapsed: of('lapsed'),
    ended: of('ended'),
    left: of('left'),
    abandoned: of('abandoned'),
  };
}

function stockOf({ pacer }: RoomReading): Stats['stock'] {
  const capacity = pacer.get('stock.capacity');
  if (capacity === undefined) return null;
  return {
    capacity: Number(capacity),
    held: Number(pacer.get('stock.held')),
    sold: Number(pacer.get('stock.sold')),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
