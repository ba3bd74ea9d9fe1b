import type { Eta } from '@ropeline/core/protocol/status.ts';
import type { Outflow } from './outflow.ts';
import type { RoomRules } from './rules.ts';

/** How fast a room's line moves, and why. */
export type Pace = {
  /** Turns a second to visitors who had none before, as long as capacity is no limit. */
  readonly byRate: number;
  /** The same when all of the capacity is in use: turns come only from sessions that end. */
  readonly byCapacity: number;
  /** Turns that can be given before all of the capacity is in use. */
  readonly free: number;
  /** Share of those waiting who give up, a second. */
  readonly leaving: number;
  /** Behind these numbers, to say why an estimate moved. */
  readonly basis: Basis;
};
export type Basis = {
  readonly ratePerMinute: number;
  readonly limit: 'rate' | 'capacity';
  readonly lapseShare: number;
  readonly perSecond: number;
};

/** Turns that go to others before this visitor's. */
export type Before = {
  /** When other lanes take their share only as long as they have somebody in line. */
  readonly likely: number;
  /** When they never run empty. */
  readonly most: number;
};

/** How much longer than reckoned nine of ten estimates may take: a rate may fall, and sessions last as they like. */
const doubtOf = { rate: 0.2, capacity: 0.4 } as const;
const decile = 1.28;

/**
 * The pace of a room from what was measured (`outflow`) and from its rules where nothing is measured yet.
 *
 * The rate gives `rate / 60` tokens a second, and a lapsed turn gives its token back: of turns of which the share l
 * lapses, `rate / 60 / (1 - l)` can be given. Turns of the share that goes to somebody who lapsed before and waits in
 * front again do not move the line. With all of the capacity in use turns come from sessions that end: by Little's law
 * `capacity / mean stay` a second.
 */
export function paceOf(outflow: Outflow, rules: RoomRules, inside: number, now: number): Pace {
  const { ratePerMinute, capacity } = rules.admission;
  const lapseShare = outflow.lapseShare(now);
  const given = ratePerMinute / 60 / (1 - lapseShare);
  const freed = Math.min(given, capacity / outflow.staySeconds(rules.session.ttlSeconds));
  const limit = outflow.isFull ? 'capacity' : 'rate';
  const moves = 1 - outflow.repeatedShare(now);
  const byRate = (outflow.isFull ? given : outflow.expectedPerSecond(given, now)) * moves;
  const byCapacity = (outflow.isFull ? outflow.expectedPerSecond(freed, now) : freed) * moves;
  return {
    byRate,
    byCapacity,
    free: outflow.isFull ? 0 : Math.max(0, capacity - inside),
    leaving: outflow.leavingPerSecond(now),
    basis: { ratePerMinute, limit, lapseShare, perSecond: outflow.isFull ? byCapacity : byRate },
  };
}

/**
 * Turns that go to others before that of a visitor with `ahead` before it in lane `lane`. Lanes take turns by weight,
 * so while this one gives `ahead`, another of weight w gives `ahead * w / own weight`, or all that wait in it.
 */
export function turnsBefore(
  ahead: number,
  lane: number,
  lanes: readonly { readonly weight: number; readonly waiting: number }[],
): Before {
  const own = lanes[lane]?.weight ?? 1;
  let likely = ahead;
  let most = ahead;
  lanes.forEach(({ weight, waiting }, i) => {
    if (i === lane || waiting === 0) return;
    const share = (ahead * weight) / own;
    likely += Math.min(waiting, share);
    most += share;
  });
  return { likely, most };
}

/**
 * Seconds until a visitor's turn, as a range; null where the line does not move. The median is the fluid approximation
 * of a queue whose customers lose patience (Whitt, "Improving service by informing customers about anticipated
 * delays", Management Science 45, 1999): with `n` before, an outflow of `r` a second and the share `h` a second that
 * gives up, the wait is ln(1 + h n / r) / h, and n / r where nobody does. The ninth decile takes it that nobody gives
 * up and that no other lane runs empty, and adds a share for what nobody knows and 1.28 standard deviations of the
 * turns that lapse (binomial, variance n l), or of sessions that end at random (Poisson, variance n).
 */
export function estimate(before: Before, pace: Pace): Eta | null {
  if (!(pace.byRate > 0)) return null;
  // The visitor's own turn counts too: half of one in the median, for nobody knows how far the next one is.
  const likely = drain(before.likely + 0.5, pace, pace.leaving);
  const slow = drain(before.most + 1, pace, 0);
  if (!Number.isFinite(slow.seconds)) return null;
  const isFull = slow.limit === 'capacity';
  const variance = (before.most + 1) * (isFull ? 1 : pace.basis.lapseShare);
  const deviation = Math.sqrt(variance) / (isFull ? pace.byCapacity : pace.byRate);
  const p50 = Math.ceil(likely.seconds);
  const p90 = Math.ceil(slow.seconds * (1 + doubtOf[slow.limit]) + decile * deviation);
  return { p50, p90: Math.max(p50, p90) };
}

/** How long `turns` take: at the rate until all of the capacity is in use, then as sessions end. */
function drain(
  turns: number,
  { byRate, byCapacity, free }: Pace,
  leaving: number,
): { readonly seconds: number; readonly limit: Basis['limit'] } {
  const untilFull = byCapacity < byRate ? free / (byRate - byCapacity) : Number.POSITIVE_INFINITY;
  const seconds = thin(turns, byRate, leaving);
  if (seconds <= untilFull) return { seconds, limit: 'rate' };
  const stay = Math.exp(-leaving * untilFull);
  const given = leaving > 0 ? (byRate * (1 - stay)) / leaving : byRate * untilFull;
  const left = Math.max(0, turns * stay - given);
  return { seconds: untilFull + thin(left, byCapacity, leaving), limit: 'capacity' };
}

/** Seconds until `turns` are given at `perSecond`, while the share `leaving` a second of those in line gives up. */
function thin(turns: number, perSecond: number, leaving: number): number {
  return leaving > 0 ? Math.log1p((leaving * turns) / perSecond) / leaving : turns / perSecond;
}
