import type { Visitor } from './roster.ts';

type Lane = { readonly weight: number };

/**
 * Who is next of those whom this gateway knows: by score within a lane, between lanes by weight (the smooth weighted
 * round robin of lua/include/share.lua, its credits kept from call to call). An empty lane's share goes to the others.
 */
export class OwnLine {
  readonly #credits = new Map<number, number>();

  next(count: number, waiting: readonly Visitor[], lanes: readonly Lane[]): readonly Visitor[] {
    const inLane = lanes.map((_, lane) =>
      waiting
        .filter((visitor) => visitor.lane === lane)
        .sort(byPlace)
        .slice(0, count),
    );
    const taken = lanes.map(() => 0);
    const next: Visitor[] = [];
    while (next.length < count) {
      const lane = this.#pick(lanes, (at) => (taken[at] as number) < (inLane[at]?.length ?? 0));
      if (lane === undefined) break;
      next.push(inLane[lane]?.[taken[lane] as number] as Visitor);
      taken[lane] = (taken[lane] as number) + 1;
    }
    return next;
  }

  #pick(lanes: readonly Lane[], hasMore: (lane: number) => boolean): number | undefined {
    let best: number | undefined;
    let total = 0;
    lanes.forEach(({ weight }, lane) => {
      if (!hasMore(lane)) return;
      total += weight;
      this.#credits.set(lane, this.#creditOf(lane) + weight);
      if (best === undefined || this.#creditOf(lane) > this.#creditOf(best)) best = lane;
    });
    if (best !== undefined) this.#credits.set(best, this.#creditOf(best) - total);
    return best;
  }

  #creditOf(lane: number): number {
    return this.#credits.get(lane) ?? 0;
  }
}

/** Redis orders equal scores by the bytes of the ids. */
function byPlace(one: Visitor, other: Visitor): number {
  return one.score - other.score || (one.id < other.id ? -1 : 1);
}
