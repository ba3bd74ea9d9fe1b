import type { Happening } from './happenings.ts';
import { judgeBucket, judgeWindows } from './judge-pace.ts';
import { judgeShares } from './judge-shares.ts';

/**
 * Violations of the guarantees of admission, as sentences; empty = none. It knows nothing of how the queue works,
 * only what was promised:
 *
 * 1. in any window admissions <= integral of the rate + B + turns lapsed in it; none while admitted + active has
 *    reached the capacity, and none while the room does not serve;
 * 2. nobody is admitted while somebody of the same lane waits with a lower score;
 * 3. nobody is admitted who does not wait, so nobody twice for one place, nobody claims without a turn, and turn
 *    numbers go up by one: none is lost;
 * 4. no turn is given that the bucket does not hold, and none held back that it holds, to the token;
 * 5. lanes that wait share the turns by their weights.
 *
 * `mayForget`: a replica that lagged has taken the master's place. A turn of the last moment that nobody has heard of
 * was never given, and who would have had it gets another, of a higher number.
 */
export function judgeAdmissions(
  happenings: readonly Happening[],
  { mayForget = false } = {},
): readonly string[] {
  const timeless = happenings.find(({ at }) => !Number.isFinite(at));
  if (timeless !== undefined) throw new Error(`this happened at no time: ${JSON.stringify(timeless)}`);
  return [
    ...judgeOrder(happenings, mayForget).violations,
    ...judgeWindows(happenings),
    ...judgeBucket(happenings),
    ...judgeShares(happenings),
  ];
}

export type Place = { readonly lane: string; readonly score: number };

/** Who waits when all is told, by what was told alone. */
export function stillWaiting(happenings: readonly Happening[]): ReadonlyMap<string, Place> {
  return judgeOrder(happenings, false).waiting;
}

function judgeOrder(
  happenings: readonly Happening[],
  mayForget: boolean,
): {
  readonly violations: readonly string[];
  readonly waiting: ReadonlyMap<string, Place>;
} {
  const violations: string[] = [];
  const waiting = new Map<string, Place>();
  const turns = new Map<string, number>();
  const inside = new Set<string>();
  let capacity = 0;
  let serves = true;
  let lastTurn = 0;
  for (const happening of happenings) {
    switch (happening.type) {
      case 'rules':
        capacity = happening.capacity;
        serves = happening.serves ?? true;
        break;
      case 'waits':
        waiting.set(happening.visitor, happening);
        inside.delete(happening.visitor);
        break;
      case 'admitted': {
        const { visitor, turn } = happening;
        const place = waiting.get(visitor);
        if (place === undefined) violations.push(`${visitor} was admitted and did not wait`);
        else violations.push(...passedOver(visitor, place, waiting));
        if (!serves) violations.push(`${visitor} was admitted while the room did not serve`);
        if (inside.size >= capacity)
          violations.push(`${visitor} was admitted while ${inside.size} of ${capacity} were inside`);
        if (turn <= lastTurn) violations.push(`turn ${turn} came after turn ${lastTurn}`);
        else if (turn > lastTurn + 1 && lastTurn > 0 && !mayForget)
          violations.push(`turns ${lastTurn + 1} to ${turn - 1} were given to nobody`);
        lastTurn = Math.max(turn, lastTurn);
        turns.set(visitor, turn);
        waiting.delete(visitor);
        inside.add(visitor);
        break;
      }
      case 'claimed':
        if (!inside.has(happening.visitor) || turns.get(happening.visitor) !== happening.turn)
          violations.push(`${happening.visitor} claimed turn ${happening.turn} and did not have it`);
        break;
      case 'lapsed':
      case 'out':
        waiting.delete(happening.visitor);
        inside.delete(happening.visitor);
        break;
      case 'away':
        waiting.delete(happening.visitor);
        break;
      case 'tick':
        break;
      default:
        happening satisfies never;
    }
  }
  return { violations, waiting };
}

function passedOver(visitor: string, place: Place, waiting: ReadonlyMap<string, Place>): readonly string[] {
  for (const [other, { lane, score }] of waiting) {
    if (lane === place.lane && score < place.score)
      return [`${visitor} was admitted before ${other}, who stood in front`];
  }
  return [];
}
