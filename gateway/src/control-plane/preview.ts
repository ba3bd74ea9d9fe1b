import { Eta } from '@ropeline/core/protocol/status.ts';
import { type Static, Type } from 'typebox';
import { estimate, type Pace, turnsBefore } from '../queue/estimate.ts';
import type { RoomRules } from '../queue/rules.ts';

/** What a room looks like at this moment, as far as the future depends on it. */
export type Situation = {
  readonly lanes: readonly { readonly lane: string; readonly weight: number; readonly waiting: number }[];
  /** Admitted + active. */
  readonly inside: number;
  /** Units that nobody holds or has bought; null = the upstream has told nothing. */
  readonly freeUnits: number | null;
  /** Measured shares: of turns that lapse, of turns that go to somebody in front again, of who waits a second. */
  readonly lapseShare: number;
  readonly repeatedShare: number;
  readonly leavingPerSecond: number;
  /** How long a turn and its session last in the mean. */
  readonly staySeconds: number;
};

const EtaOrNull = Type.Union([Eta, Type.Null()]);
const Seconds = Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]);

export const Outlook = Type.Object({
  ratePerMinute: Type.Integer(),
  capacity: Type.Integer(),
  limit: Type.Union([Type.Literal('rate'), Type.Literal('capacity'), Type.Literal('stopped')], {
    description: 'What bounds admissions in the long run: the rate, or capacity / length of a stay',
  }),
  admissionsPerMinute: Type.Number({ description: 'In the long run, with somebody in line' }),
  capacityReachedInSeconds: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
    description: 'When admitted + active reach the capacity, with somebody in line; null = never',
  }),
  lastInSeconds: Type.Union([Eta, Type.Null()], {
    description: 'When the last of those who wait now has a turn; null = never',
  }),
  waits: Type.Array(Type.Object({ position: Type.Integer(), etaSeconds: EtaOrNull }), {
    description: 'What visitors at these positions of the lane are told',
  }),
  lanes: Type.Array(Type.Object({ lane: Type.String(), waiting: Type.Integer(), lastInSeconds: EtaOrNull })),
  stock: Type.Union(
    [
      Type.Object({
        free: Type.Integer(),
        runsOutInSeconds: Seconds,
        served: Type.Integer({ description: 'How many of those who wait now still find units' }),
      }),
      Type.Null(),
    ],
    { description: 'If every entry takes `unitsPerEntry`; null while the upstream reports no stock' },
  ),
});
export type Outlook = Static<typeof Outlook>;

export type Question = {
  /** Index of the lane that `positions` are in. */
  readonly lane: number;
  /** From 1; those beyond the end of the lane are left out, its last one is always added. */
  readonly positions: readonly number[];
  readonly unitsPerEntry: number;
};

/**
 * What these rules would mean for the line as it stands: the same estimate that visitors are told (see
 * {@link estimate}), from the rules and from measured shares, never from the outflow measured under other rules.
 */
export function outlookOf(
  situation: Situation,
  { admission }: Pick<RoomRules, 'admission'>,
  question: Question,
): Outlook {
  const pace = paceUnder(situation, admission);
  const perSecond = Math.min(pace.byRate, pace.byCapacity);
  const { lanes } = situation;
  const etaAt = (lane: number, position: number) => estimate(turnsBefore(position - 1, lane, lanes), pace);
  const waiting = lanes.reduce((sum, lane) => sum + lane.waiting, 0);
  const whole = (position: number) => estimate({ likely: position - 1, most: position - 1 }, pace);
  return {
    ratePerMinute: admission.ratePerMinute,
    capacity: admission.capacity,
    limit: perSecond > 0 ? pace.basis.limit : 'stopped',
    admissionsPerMinute: Math.round(perSecond * 600) / 10,
    capacityReachedInSeconds:
      pace.byCapacity < pace.byRate ? Math.round(pace.free / (pace.byRate - pace.byCapacity)) : null,
    lastInSeconds: waiting === 0 ? { p50: 0, p90: 0 } : whole(waiting),
    waits: positionsIn(lanes[question.lane]?.waiting ?? 0, question.positions).map((position) => ({
      position,
      etaSeconds: etaAt(question.lane, position),
    })),
    lanes: lanes.map((lane, i) => ({
      lane: lane.lane,
      waiting: lane.waiting,
      lastInSeconds: lane.waiting === 0 ? { p50: 0, p90: 0 } : etaAt(i, lane.waiting),
    })),
    stock: stockOutlook(situation.freeUnits, question.unitsPerEntry, waiting, (last) => whole(last)?.p50),
  };
}

function paceUnder(situation: Situation, { ratePerMinute, capacity }: RoomRules['admission']): Pace {
  const { lapseShare, repeatedShare, staySeconds, inside, leavingPerSecond } = situation;
  const given = ratePerMinute / 60 / (1 - lapseShare);
  const freed = capacity / staySeconds;
  const limit = freed < given ? 'capacity' : 'rate';
  const [byRate, byCapacity] = [given, Math.min(given, freed)].map((turns) => turns * (1 - repeatedShare));
  return {
    byRate: byRate ?? 0,
    byCapacity: byCapacity ?? 0,
    free: Math.max(0, capacity - inside),
    leaving: leavingPerSecond,
    basis: { ratePerMinute, limit, lapseShare, perSecond: byCapacity ?? 0 },
  };
}

function positionsIn(waiting: number, wanted: readonly number[]): readonly number[] {
  const inside = wanted.filter((position) => position <= waiting);
  return [...new Set([...inside, ...(waiting > 0 ? [waiting] : [])])].sort((a, b) => a - b);
}

function stockOutlook(
  free: number | null,
  unitsPerEntry: number,
  waiting: number,
  secondsUntil: (last: number) => number | undefined,
): Outlook['stock'] {
  if (free === null) return null;
  const entries = Math.floor(free / unitsPerEntry);
  if (entries === 0) return { free, runsOutInSeconds: 0, served: 0 };
  return {
    free,
    runsOutInSeconds: entries <= waiting ? (secondsUntil(entries) ?? null) : null,
    served: Math.min(entries, waiting),
  };
}
