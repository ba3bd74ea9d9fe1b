import { describe, expect, it } from 'vitest';
import { OwnLine } from '../../src/queue/own-line.ts';
import { OwnPlaces } from '../../src/queue/own-places.ts';
import { isOfOtherRun, isOwnTurn, OwnTurns } from '../../src/queue/own-turns.ts';
import { Roster, type Visitor } from '../../src/queue/roster.ts';
import { SharePace } from '../../src/queue/share-pace.ts';
import type { Happening } from '../support/happenings.ts';
import { judgeAdmissions } from '../support/judge-admissions.ts';
import { randomFrom } from '../support/random.ts';

describe('the share of a gateway', () => {
  it('starts empty and gives its part of the rate, in steps of a slot', () => {
    const pace = new SharePace({ ratePerMinute: 600, burst: 0, capacityLeft: 1_000, gateways: 2 }, 0);
    const given: number[] = [];
    for (let now = 0; now <= 10_000; now += 50) {
      for (let n = pace.available(now); n > 0; n -= 1) {
        pace.take();
        given.push(now);
      }
    }
    expect(given[0]).toBe(200);
    expect(given.length).toBe(50);
  });

  it('keeps its part of the burst, and of the capacity what is whole', () => {
    const pace = new SharePace({ ratePerMinute: 600, burst: 20, capacityLeft: 25, gateways: 3 }, 0);
    expect(pace.available(60_000)).toBe(6);
    const small = new SharePace({ ratePerMinute: 60_000, burst: 0, capacityLeft: 25, gateways: 3 }, 0);
    let given = 0;
    for (let now = 0; now <= 10_000; now += 50) {
      for (let n = small.available(now); n > 0; n -= 1) {
        small.take();
        given += 1;
      }
    }
    expect(given).toBe(8);
    small.ended();
    small.lapsed();
    expect(small.available(10_050)).toBe(2);
  });

  it('of a room that is full gives nothing, of one above its capacity neither', () => {
    for (const capacityLeft of [0, 1, -5]) {
      const pace = new SharePace({ ratePerMinute: 600, burst: 0, capacityLeft, gateways: 2 }, 0);
      expect(pace.available(60_000)).toBe(0);
    }
  });

  it('keeps guarantee 1 for its share at any timing, as the judge of the queue sees it', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const next = randomFrom(seed);
      const gateways = 1 + Math.floor(next() * 4);
      const ratePerMinute = 60 * Math.ceil(next() * 600);
      const burst = next() < 0.5 ? 0 : Math.floor(next() * 40);
      const capacityLeft = Math.floor(next() * 400);
      const pace = new SharePace({ ratePerMinute, burst, capacityLeft, gateways }, 0);
      const history: Happening[] = [
        {
          type: 'rules',
          at: 0,
          ratePerMinute: ratePerMinute / gateways,
          burst: burst / gateways,
          capacity: Math.floor(capacityLeft / gateways),
        },
      ];
      const inside: string[] = [];
      let turn = 0;
      for (let now = 0; now < 20_000; now += Math.floor(next() * 300)) {
        const gone = next() < 0.2 ? inside.shift() : undefined;
        if (gone !== undefined) {
          const lapsed = next() < 0.5;
          if (lapsed) pace.lapsed();
          else pace.ended();
          history.push({ type: lapsed ? 'lapsed' : 'out', at: now, visitor: gone });
        }
        for (let n = pace.available(now); n > 0; n -= 1) {
          pace.take();
          turn += 1;
          const visitor = `v${turn}`;
          inside.push(visitor);
          history.push({ type: 'waits', at: now, visitor, lane: 'a', score: turn });
          history.push({ type: 'admitted', at: now, visitor, turn });
        }
      }
      expect(judgeAdmissions(history)).toEqual([]);
    }
  });
});

function visitorsOf(places: readonly (readonly [lane: number, score: number])[]): Visitor[] {
  const roster = new Roster();
  const facts = { state: 'waiting', turn: 0, deadline: 0, reason: undefined, sequence: 1 } as const;
  return places.map(([lane, score]) => roster.add(`${lane}/${score}`, lane, { ...facts, score }));
}

describe('the line of a gateway', () => {
  it('is by place within a lane and by weight between lanes; an empty lane leaves its share to the others', () => {
    const waiting = visitorsOf([
      ...([30, 10, 20, 40, 50, 60, 70, 80].map((score) => [0, score]) as [number, number][]),
      ...([3, 1, 2].map((score) => [1, score]) as [number, number][]),
    ]);
    const lanes = [{ weight: 3 }, { weight: 1 }];
    const line = new OwnLine();
    const first = line.next(8, waiting, lanes).map(({ id }) => id);
    expect(first.filter((id) => id.startsWith('0/'))).toEqual([
      '0/10',
      '0/20',
      '0/30',
      '0/40',
      '0/50',
      '0/60',
    ]);
    expect(first.filter((id) => id.startsWith('1/'))).toEqual(['1/1', '1/2']);
    const rest = waiting.filter(({ id }) => !first.includes(id));
    expect(
      line
        .next(10, rest, lanes)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['0/70', '0/80', '1/3']);
  });
});

describe('places and turns that a gateway gives by itself', () => {
  it('lie behind all that it knows, and two gateways agree by the clock on who came first', () => {
    const now = Date.UTC(2026, 10, 21, 12);
    const newest = 2 ** 52 + 46_000 * 2 ** 30 + 123_456_789;
    const [here, there] = [new OwnPlaces(newest, now), new OwnPlaces(newest - 4_000, now + 900)];
    const scores = [here.next(now + 1_000), there.next(now + 1_001), here.next(now + 1_002)];
    expect(scores).toEqual([...scores].sort((a, b) => a - b));
    expect(new Set(scores).size).toBe(3);
    expect(Math.min(...scores)).toBeGreaterThan(newest);
    expect(here.next(now + 1_002)).toBe(here.next(now + 1_002) - 1);
    expect(Number.isSafeInteger(here.next(now + 86_400_000))).toBe(true);
  });

  it('have numbers of their own that tell the run', () => {
    const turns = new OwnTurns();
    const one = turns.next(3);
    expect(Number.isSafeInteger(one)).toBe(true);
    expect(turns.next(3)).not.toBe(one);
    expect([isOwnTurn(one), isOfOtherRun(one, 3), isOfOtherRun(one, 4)]).toEqual([true, false, true]);
    expect([isOwnTurn(7), isOfOtherRun(7, 3)]).toEqual([false, undefined]);
  });
});
