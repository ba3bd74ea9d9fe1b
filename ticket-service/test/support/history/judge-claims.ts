import { namesIn, type OfferEnd } from './history.ts';

/** Units that an order had from one moment until another, Unix ms; for ever = infinity. */
export type Claim = {
  readonly offerId: number;
  readonly orderId: string;
  /** A count in digits, or names in a comma list. */
  readonly units: string;
  readonly from: number;
  readonly to: number;
};

/** At no moment more than there is, and no name twice. Of one millisecond what comes free is counted first. */
export function judgeClaims(
  claims: readonly Claim[],
  offers: readonly OfferEnd[],
  had: 'promised' | 'taken',
): readonly string[] {
  const real = claims.filter(({ from, to }) => from < to);
  return offers.flatMap(({ offerId, title, capacity }) => {
    const here = real.filter((claim) => claim.offerId === offerId);
    const most = mostAtOnce(here);
    return [
      ...(most > capacity ? [`${title}: ${most} of ${capacity} units were ${had} at one time`] : []),
      ...sharedNames(here).map((shared) => `${title}: ${shared}, ${had} at one time`),
    ];
  });
}

function mostAtOnce(claims: readonly Claim[]): number {
  const changes = claims.flatMap(({ from, to, units }) => {
    const count = namesIn(units).length || Number(units);
    return [
      { at: from, count },
      { at: to, count: -count },
    ];
  });
  changes.sort((a, b) => a.at - b.at || a.count - b.count);
  let now = 0;
  let most = 0;
  for (const { count } of changes) {
    now += count;
    most = Math.max(most, now);
  }
  return most;
}

function sharedNames(claims: readonly Claim[]): readonly string[] {
  const ofName = Map.groupBy(
    claims.flatMap((claim) => namesIn(claim.units).map((name) => ({ name, ...claim }))),
    ({ name }) => name,
  );
  return [...ofName].flatMap(([name, owners]) => {
    const inTime = [...owners].sort((a, b) => a.from - b.from);
    return inTime.flatMap((owner, at) => {
      const before = inTime[at - 1];
      if (before === undefined || before.to <= owner.from) return [];
      return [`${name} was of ${before.orderId} and of ${owner.orderId}`];
    });
  });
}
