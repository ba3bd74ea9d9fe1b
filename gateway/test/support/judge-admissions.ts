/**
 * What happened in a room, in the order in which Redis did it; times are its Unix ms. `waits` is a visitor who takes
 * a place or comes back to it, `out` whoever left the queue, a turn or a session.
 */
export type Happening =
  | {
      readonly type: 'rules';
      readonly at: number;
      readonly ratePerMinute: number;
      readonly burst: number;
      readonly capacity: number;
    }
  | {
      readonly type: 'waits';
      readonly at: number;
      readonly visitor: string;
      readonly lane: string;
      readonly score: number;
    }
  | { readonly type: 'admitted'; readonly at: number; readonly visitor: string; readonly turn: number }
  | { readonly type: 'lapsed'; readonly at: number; readonly visitor: string }
  | { readonly type: 'out'; readonly at: number; readonly visitor: string };

type Place = { readonly lane: string; readonly score: number };

/**
 * Violations of the guarantees of admission, as sentences; empty = none. It knows nothing of how the queue works:
 *
 * 1. in any window admissions <= integral of the rate + B + turns lapsed in it, B = max(burst, 1 + rate / 600), of
 *    several rules the largest, and none while admitted + active has reached the capacity;
 * 2. nobody is admitted while somebody of the same lane waits with a lower score;
 * 3. nobody is admitted who does not wait, so nobody twice for one place, and turn numbers only go up.
 */
export function judgeAdmissions(happenings: readonly Happening[]): readonly string[] {
  return [...judgeOrder(happenings), ...judgePace(happenings)];
}

function judgeOrder(happenings: readonly Happening[]): readonly string[] {
  const violations: string[] = [];
  const waiting = new Map<string, Place>();
  const inside = new Set<string>();
  let capacity = 0;
  let lastTurn = 0;
  for (const happening of happenings) {
    switch (happening.type) {
      case 'rules':
        capacity = happening.capacity;
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
        if (inside.size >= capacity)
          violations.push(`${visitor} was admitted while ${inside.size} of ${capacity} were inside`);
        if (turn <= lastTurn) violations.push(`turn ${turn} came after turn ${lastTurn}`);
        lastTurn = Math.max(turn, lastTurn);
        waiting.delete(visitor);
        inside.add(visitor);
        break;
      }
      case 'lapsed':
      case 'out':
        waiting.delete(happening.visitor);
        inside.delete(happening.visitor);
        break;
      default:
        happening satisfies never;
    }
  }
  return violations;
}

function passedOver(visitor: string, place: Place, waiting: ReadonlyMap<string, Place>): readonly string[] {
  for (const [other, { lane, score }] of waiting) {
    if (lane === place.lane && score < place.score)
      return [`${visitor} was admitted before ${other}, who stood in front`];
  }
  return [];
}

/** Every pair of admissions bounds a window; the first that is too full is enough. */
function judgePace(happenings: readonly Happening[]): readonly string[] {
  const admitted = happenings.filter(({ type }) => type === 'admitted').map(({ at }) => at);
  const lapsed = happenings.filter(({ type }) => type === 'lapsed').map(({ at }) => at);
  const rules = happenings.filter((happening) => happening.type === 'rules');
  const bound = Math.max(
    ...rules.map(({ burst, ratePerMinute }) => Math.max(burst, 1 + ratePerMinute / 600)),
  );
  for (let from = 0; from < admitted.length; from += 1) {
    for (let to = from; to < admitted.length; to += 1) {
      const [start = 0, end = 0] = [admitted[from], admitted[to]];
      const returned = lapsed.filter((at) => at >= start && at <= end).length;
      const allowed = allowedBetween(rules, start, end) + bound + returned;
      const made = to - from + 1;
      // The bucket is kept to six decimals.
      if (made > allowed + 1e-3) {
        return [
          `${made} admissions in ${end - start} ms from ${start} on, ${allowed.toFixed(3)} were allowed`,
        ];
      }
    }
  }
  return [];
}

type Rules = Extract<Happening, { readonly type: 'rules' }>;

/** Integral of the rate over the time between two moments. */
function allowedBetween(rules: readonly Rules[], start: number, end: number): number {
  return rules.reduce((sum, { at, ratePerMinute }, i) => {
    const until = Math.min(end, rules[i + 1]?.at ?? Number.POSITIVE_INFINITY);
    return sum + (Math.max(0, until - Math.max(start, at)) * ratePerMinute) / 60_000;
  }, 0);
}
