import { boundOf, type Happening, type Rules } from './happenings.ts';

/** The bucket is kept to six decimals, and filled some thousand times. */
const rounding = 0.02;

/** Every pair of admissions bounds a window; the first that is too full is enough. */
export function judgeWindows(happenings: readonly Happening[]): readonly string[] {
  const admitted = timesOf(happenings, 'admitted');
  const lapsed = timesOf(happenings, 'lapsed');
  const rules = happenings.filter((happening) => happening.type === 'rules');
  for (const [from, start] of admitted.entries()) {
    const first = lapsed.findIndex((at) => at >= start);
    const before = first < 0 ? lapsed.length : first;
    let returned = before;
    // Of two rules of one moment the older may still have decided.
    let at = rules.findLastIndex((one) => one.at < start);
    let bound = 0;
    let integral = 0;
    let until = start;
    for (let to = from; to < admitted.length; to += 1) {
      const end = admitted[to] as number;
      for (;;) {
        const now = rules[at];
        const next = rules[at + 1]?.at ?? Number.POSITIVE_INFINITY;
        if (now !== undefined) {
          bound = Math.max(bound, boundOf(now));
          integral += ((Math.min(end, next) - until) * now.ratePerMinute) / 60_000;
        }
        until = Math.max(until, Math.min(end, next));
        if (!(next <= end)) break;
        at += 1;
      }
      while ((lapsed[returned] ?? Number.POSITIVE_INFINITY) <= end) returned += 1;
      const allowed = integral + bound + returned - before;
      const made = to - from + 1;
      if (made > allowed + 1e-3)
        return [
          `${made} admissions in ${end - start} ms from ${start} on, ${allowed.toFixed(3)} were allowed`,
        ];
    }
  }
  return [];
}

/**
 * The bucket as it is promised: it starts empty, fills with the rate of the moment, never keeps more than B, gets a
 * token back for a lapse, and pays one for an admission. Stricter than the windows: it also knows what lay in the
 * bucket. With ticks in the history also the other way round: who waits while there is a token, capacity and a room
 * that serves has been given the turn by the end of the tick.
 */
export function judgeBucket(happenings: readonly Happening[]): readonly string[] {
  const waiting = new Set<string>();
  const inside = new Set<string>();
  let rules: Rules | undefined;
  let level = 0;
  let filledAt = 0;
  for (const happening of happenings) {
    const { type, at } = happening;
    if (rules !== undefined && at > filledAt) {
      level = Math.min(boundOf(rules), level + ((at - filledAt) * rules.ratePerMinute) / 60_000);
      filledAt = at;
    }
    switch (type) {
      case 'rules':
        if (rules === undefined) filledAt = at;
        rules = happening;
        break;
      case 'waits':
        waiting.add(happening.visitor);
        inside.delete(happening.visitor);
        break;
      case 'admitted':
        level -= 1;
        if (level < -rounding)
          return [`at ${at} ${happening.visitor} was admitted with ${(level + 1).toFixed(3)} of a token`];
        waiting.delete(happening.visitor);
        inside.add(happening.visitor);
        break;
      case 'lapsed':
        level += 1;
        inside.delete(happening.visitor);
        break;
      case 'out':
      case 'away':
        waiting.delete(happening.visitor);
        inside.delete(happening.visitor);
        break;
      case 'claimed':
        break;
      case 'tick': {
        if (rules === undefined) break;
        const free = rules.capacity - inside.size;
        if ((rules.serves ?? true) && free > 0 && waiting.size > 0 && level >= 1 + rounding)
          return [`at ${at} ${level.toFixed(3)} tokens were held back from ${waiting.size} who waited`];
        level = Math.min(boundOf(rules), level);
        break;
      }
      default:
        happening satisfies never;
    }
  }
  return [];
}

function timesOf(happenings: readonly Happening[], type: Happening['type']): readonly number[] {
  return happenings.filter((happening) => happening.type === type).map(({ at }) => at);
}
