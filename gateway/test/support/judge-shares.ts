import type { Happening } from './happenings.ts';

/**
 * While the same lanes wait each has its share of the turns by weight. What a lane was owed when the stretch began is
 * paid in it, so from any beginning a share may be off by less than two turns; from an empty room by one, which is
 * judged with `offBy` 1.
 */
export function judgeShares(happenings: readonly Happening[], offBy = 2): readonly string[] {
  const laneOf = new Map<string, string>();
  const waiting = new Map<string, number>();
  const waits = new Set<string>();
  let weights: Readonly<Record<string, number>> = {};
  let stretch: { readonly lanes: readonly string[]; readonly given: Map<string, number> } | undefined;
  const leave = (visitor: string): void => {
    if (!waits.delete(visitor)) return;
    const lane = laneOf.get(visitor) ?? '';
    waiting.set(lane, (waiting.get(lane) ?? 0) - 1);
  };
  const nonEmpty = (): string[] => Object.keys(weights).filter((lane) => (waiting.get(lane) ?? 0) > 0);

  for (const group of atOnce(happenings)) {
    const before = nonEmpty();
    if (before.join() !== stretch?.lanes.join()) stretch = { lanes: before, given: new Map() };
    for (const happening of group) {
      switch (happening.type) {
        case 'rules':
          weights = happening.weights ?? weights;
          break;
        case 'waits':
          if (waits.has(happening.visitor)) break;
          waits.add(happening.visitor);
          laneOf.set(happening.visitor, happening.lane);
          waiting.set(happening.lane, (waiting.get(happening.lane) ?? 0) + 1);
          break;
        case 'admitted': {
          const lane = laneOf.get(happening.visitor) ?? '';
          stretch.given.set(lane, (stretch.given.get(lane) ?? 0) + 1);
          leave(happening.visitor);
          break;
        }
        case 'lapsed':
        case 'away':
        case 'out':
          leave(happening.visitor);
          break;
        case 'claimed':
        case 'tick':
          break;
        default:
          happening satisfies never;
      }
    }
    if (nonEmpty().join() !== stretch.lanes.join()) continue;
    const { given, lanes } = stretch;
    const total = [...given.values()].reduce((sum, one) => sum + one, 0);
    const all = lanes.reduce((sum, lane) => sum + (weights[lane] ?? 0), 0);
    for (const lane of lanes) {
      const share = (total * (weights[lane] ?? 0)) / all;
      const had = given.get(lane) ?? 0;
      if (Math.abs(had - share) >= offBy + 1e-9)
        return [`of ${total} turns lane ${lane} had ${had}, its share was ${share.toFixed(1)}`];
    }
  }
  return [];
}

/** Admissions that follow each other at one moment were decided together, and are told lane by lane. */
function atOnce(happenings: readonly Happening[]): readonly (readonly Happening[])[] {
  const groups: Happening[][] = [];
  for (const happening of happenings) {
    const last = groups.at(-1);
    const first = last?.[0];
    if (first?.type === 'admitted' && happening.type === 'admitted' && first.at === happening.at)
      last?.push(happening);
    else groups.push([happening]);
  }
  return groups;
}
