/** One look at the stock Redis. */
export type Look = {
  /** Unix ms. */
  readonly at: number;
  /** Entries of all outboxes that Postgres has not confirmed. */
  readonly waiting: number;
  /** Units of the watched offer that were held or sold by then. */
  readonly taken: number;
};

const windowMs = 2_000;

/** Most entries that waited at once. */
export function peakOf(looks: readonly Look[]): number {
  return looks.reduce((most, { waiting }) => Math.max(most, waiting), 0);
}

/**
 * The most that ever waited as a share of what was accepted in the 2 s before, over looks that are at least 2 s after
 * the first; Infinity when something waited though nothing was accepted.
 */
export function worstBacklog(looks: readonly Look[]): number {
  const first = looks[0];
  if (first === undefined) return 0;
  let worst = 0;
  let from = 0;
  for (const { at, waiting, taken } of looks) {
    if (at - first.at < windowMs || waiting === 0) continue;
    while ((looks[from + 1]?.at ?? at) <= at - windowMs) from += 1;
    const accepted = taken - (looks[from]?.taken ?? 0);
    worst = Math.max(worst, waiting / accepted);
  }
  return worst;
}

/** From then until nothing waited and nothing came any more, ms; undefined when that was never seen. */
export function emptyAfter(looks: readonly Look[], since: number): number | undefined {
  const lastFull = looks.findLastIndex(({ waiting }) => waiting > 0);
  const empty = looks.slice(lastFull + 1).find(({ at }) => at >= since);
  return empty === undefined ? undefined : empty.at - since;
}

/** The last look of each second, for a table. */
export function bySecond(looks: readonly Look[]): readonly (readonly [number, number, number, number])[] {
  const start = looks[0]?.at ?? 0;
  const seconds = new Map<number, Look & { readonly peak: number }>();
  for (const look of looks) {
    const second = Math.floor((look.at - start) / 1_000);
    seconds.set(second, { ...look, peak: Math.max(look.waiting, seconds.get(second)?.peak ?? 0) });
  }
  let before = looks[0]?.taken ?? 0;
  return [...seconds].map(([second, { taken, peak, waiting }]) => {
    const accepted = taken - before;
    before = taken;
    return [second, accepted, peak, waiting];
  });
}
