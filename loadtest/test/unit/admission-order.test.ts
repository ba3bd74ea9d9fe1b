import { describe, expect, it } from 'vitest';
import { overtaken, type Place, unfairPlaces } from '../../check/admission-order.ts';
import type { RoomEvent } from '../../check/room-record.ts';

function place(visitor: string, score: number, askedAt = score, answeredAt = score + 1): Place {
  return { visitor, lane: 'standard', score, askedAt, answeredAt };
}

function events(...words: string[]): RoomEvent[] {
  return words.map((word) => {
    const [kind, visitor] = word.split(' ');
    return { at: 0, kind: kind as RoomEvent['kind'], visitor: visitor as string };
  });
}

const three = [place('a', 1), place('b', 2), place('c', 3)];

describe('first in, first out', () => {
  it('is kept when the places are served in their order', () => {
    expect(overtaken(events('admitted a', 'admitted b', 'admitted c'), three)).toEqual([]);
  });

  it('is broken when somebody is admitted before one who stands in front', () => {
    expect(overtaken(events('admitted a', 'admitted c', 'admitted b'), three)).toEqual([
      'b was admitted after c, who stood behind',
    ]);
  });

  it('is broken when somebody in front is never admitted', () => {
    expect(overtaken(events('admitted a', 'admitted c'), three)).toEqual([
      'b was never admitted, c, who stood behind, was',
    ]);
  });

  it('is kept when those who never are stand behind all who were', () => {
    expect(overtaken(events('admitted a', 'queue-ended x'), three)).toEqual([]);
  });

  it('lets the absent be overtaken', () => {
    expect(overtaken(events('struck b', 'admitted a', 'admitted c', 'admitted b'), three)).toEqual([]);
    expect(overtaken(events('admitted a', 'left b', 'admitted c'), three)).toEqual([]);
  });

  it('counts only the first turn of one who let it lapse', () => {
    expect(
      overtaken(events('admitted a', 'admitted b', 'lapsed a', 'admitted a', 'admitted c'), three),
    ).toEqual([]);
  });

  it('holds in each lane by itself', () => {
    const lanes = [place('a', 1), { ...place('p', 2), lane: 'priority' }];
    expect(overtaken(events('admitted p', 'admitted a'), lanes)).toEqual([]);
  });
});

describe('the order of places', () => {
  it('is that of the joins', () => {
    expect(unfairPlaces(three)).toEqual([]);
  });

  it('may be either for joins that overlap', () => {
    expect(unfairPlaces([place('a', 2, 0, 10), place('b', 1, 5, 8)])).toEqual([]);
  });

  it('is broken when a later join is put in front', () => {
    expect(unfairPlaces([place('a', 2, 0, 10), place('b', 1, 11, 12)])).toEqual([
      'b stands in front of a, who had a place before the other asked',
    ]);
  });
});
