import type { Visitor } from '../visitors/roster.ts';

type Lane = { readonly weight: number };

/**
 * Who is next of those whom this gateway knows: by score within a lane, between lanes by weight (the smooth weighted
 * round robin of lua/include/share.lua, its credits kept from call to call). An empty lane's share goes to the others.
 */
export class OwnLine {
  readonly #credits = new Map<number, number>();

  next(count: number, waiting: readonly Visitor[], lanes: readonly Lane[]): readonly Visitor[] {
    const inLane = firstOf(count, waiting, lanes.length);
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

/** The first so many of each lane, in order. Looks at everybody once: sorting thousands every slot would hold up the rest. */
function firstOf(count: number, waiting: readonly Visitor[], lanes: number): readonly Visitor[][] {
  const firsts = Array.from({ length: lanes }, (): Visitor[] => []);
  for (const visitor of waiting) {
    const first = firsts[visitor.lane];
    if (first === undefined) continue;
    const last = first[count - 1];
    if (last !== undefined && byPlace(visitor, last) > 0) continue;
    first.splice(placeIn(first, visitor), 0, visitor);
    if (first.length > count) first.pop();
  }
  return firsts;
}

function placeIn(sorted: readonly Visitor[], visitor: Visitor): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (byPlace(sorted[middle] as Visitor, visitor) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Redis orders equal scores by the bytes of the ids. */
function byPlace(one: Visitor, other: Visitor): number {
  return one.score - other.score || (one.id < other.id ? -1 : 1);
}
