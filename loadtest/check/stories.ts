import type { Outcome, Story } from '../lib/story.ts';
import type { Place } from './admission-order.ts';

export type { Outcome, Story } from '../lib/story.ts';

/** One JSON line a visitor; other lines (warnings of k6) are passed over. */
export function readStories(text: string): readonly Story[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{"visitor":'))
    .map((line) => JSON.parse(line) as Story);
}

export function countOutcomes(stories: readonly Story[]): Readonly<Record<Outcome, number>> {
  const counts: Record<Outcome, number> = {
    completed: 0,
    declined: 0,
    'sold-out': 0,
    'all-held': 0,
    'told-sold-out': 0,
    unanswered: 0,
  };
  for (const { outcome } of stories) counts[outcome] += 1;
  return counts;
}

/**
 * The places of those who joined. The ticket is opaque to clients and here not verified: the checker belongs to the
 * product and reads visitor, lane and score from it (core/src/token/place-ticket.ts).
 */
export function placesOf(stories: readonly Story[]): readonly Place[] {
  return stories.flatMap(({ ticket, arrivedAt, joinedAt }) => {
    const fields = ticket?.split('.') ?? [];
    const [, , , , , , visitor, lane, score] = fields;
    if (joinedAt === undefined || visitor === undefined || lane === undefined) return [];
    return [{ visitor, lane, score: Number(score), askedAt: arrivedAt, answeredAt: joinedAt }];
  });
}

/** The last moment at which an order was accepted, paid or declined. */
export function lastAcceptance(stories: readonly Story[]): number | undefined {
  const times = stories.flatMap(({ orderId, acceptedAt }) =>
    orderId === undefined || acceptedAt === undefined ? [] : [acceptedAt],
  );
  return times.length === 0 ? undefined : times.reduce((a, b) => Math.max(a, b));
}
