import type { RoomEvent } from './room-record.ts';

/** A visitor's place: who has the lower score came first. */
export type Place = {
  readonly visitor: string;
  readonly lane: string;
  readonly score: number;
  /** When the join was sent and when its answer was there; Unix ms of one clock. */
  readonly askedAt: number;
  readonly answeredAt: number;
};

/** A sentence a violation; none = the guarantee was kept. */
export type Violations = readonly string[];

/**
 * Guarantee 2: in a lane nobody who is present is admitted after somebody with a later place, and nobody with a
 * later place is admitted while an earlier one never is. Who was struck for absence (or left) may be overtaken;
 * after a lapse only the first turn counts.
 */
export function overtaken(events: readonly RoomEvent[], places: readonly Place[]): Violations {
  const placeOf = new Map(places.map((place) => [place.visitor, place]));
  const absent = new Set(
    events.filter(({ kind }) => kind === 'struck' || kind === 'left').map(({ visitor }) => visitor),
  );
  const latest = new Map<string, Place>();
  const served = new Set<string>();
  const found: string[] = [];
  for (const { kind, visitor } of events) {
    const place = placeOf.get(visitor);
    if (kind !== 'admitted' || place === undefined || served.has(visitor)) continue;
    served.add(visitor);
    const before = latest.get(place.lane);
    if (before !== undefined && before.score > place.score && !absent.has(visitor)) {
      found.push(`${visitor} was admitted after ${before.visitor}, who stood behind`);
    }
    if (before === undefined || before.score < place.score) latest.set(place.lane, place);
  }
  for (const place of places) {
    const last = latest.get(place.lane);
    if (served.has(place.visitor) || absent.has(place.visitor) || last === undefined) continue;
    if (place.score < last.score) {
      found.push(`${place.visitor} was never admitted, ${last.visitor}, who stood behind, was`);
    }
  }
  return found;
}

/**
 * Places are given in the order of arrival: who had the answer to the join before another asked stands in front.
 * Joins that overlap in time may be ordered either way.
 */
export function unfairPlaces(places: readonly Place[]): Violations {
  const byAnswer = [...places].sort((a, b) => a.answeredAt - b.answeredAt);
  const latest = new Map<string, Place>();
  const found: string[] = [];
  let answered = 0;
  for (const place of [...places].sort((a, b) => a.askedAt - b.askedAt)) {
    for (; ; answered += 1) {
      const earlier = byAnswer[answered];
      if (earlier === undefined || earlier.answeredAt >= place.askedAt) break;
      const last = latest.get(earlier.lane);
      if (last === undefined || last.score < earlier.score) latest.set(earlier.lane, earlier);
    }
    const before = latest.get(place.lane);
    if (before !== undefined && before.score > place.score) {
      found.push(
        `${place.visitor} stands in front of ${before.visitor}, who had a place before the other asked`,
      );
    }
  }
  return found;
}
