import { createRegistry } from '@ropeline/core/metrics.ts';
import { expect, test } from 'vitest';
import { createMetrics } from '../../src/metrics.ts';
import { LineNumbers } from '../../src/queue/numbers/line-numbers.ts';
import { RankSketch } from '../../src/queue/numbers/sketch.ts';
import { parsePiece } from '../../src/queue/numbers/sketch-draft.ts';
import { nobodyAdmitted } from '../../src/queue/recovery/up-to.ts';
import type { RoomReading } from '../../src/queue/scripts.ts';
import type { Visitor } from '../../src/queue/visitors/roster.ts';

const names = ['standard'];

/** A sketch of the write `sequence` has come whole: `ids` in line, one behind the other. */
function hear(numbers: LineNumbers, sequence: number, ids: readonly string[]): void {
  announce(numbers, sequence, ids.length);
  numbers.heardPiece({ type: 'piece', lane: 0, piece: parsePiece(0, 1, ids.join(','), '') });
}

/** Its counts have come, and the ranks will. */
function announce(numbers: LineNumbers, sequence: number, waiting: number): void {
  const sketch = new RankSketch(waiting, nobodyAdmitted, 9_000);
  numbers.heardSketch({ type: 'sketch', lane: 0, sketch, pieces: 1 }, names, { now: 1, sequence });
}

function someone(facts: Partial<Visitor>): Visitor {
  const never = { turn: 0, deadline: 0, reason: undefined, watchers: [], seenAt: 0, leasedAt: 0 };
  return { id: 'back', lane: 0, score: 6, state: 'waiting', sequence: 0, rankKnown: 0, ...never, ...facts };
}

test('what Redis has answered of a rank counts until a later sketch has begun', () => {
  const numbers = new LineNumbers(createMetrics(createRegistry(false)).ofRoom('one'));
  hear(numbers, 10, ['a', 'b', 'c', 'd', 'e', 'back']);
  const back = someone({ sequence: 9, rankKnown: 3 });
  expect(numbers.rankOf(back, back.score)).toBe(6);
  // All but one have left, which the counts tell, and whoever was away has come back.
  announce(numbers, 20, 1);
  Object.assign(back, { sequence: 21, rankKnown: 2 });
  expect(numbers.rankOf(back, back.score)).toBe(2);
  hear(numbers, 30, ['back']);
  expect(numbers.rankOf(back, back.score)).toBe(1);
});

/** As Redis was after the write `sequence`. */
function reading(sequence: number, waiting: number): RoomReading {
  const pacer = new Map([['seq', String(sequence)]]);
  const inside = { admitted: 0, active: 0, draws: 0 };
  return { ...inside, now: 1, askedAt: 1, config: new Map(), pacer, lanes: [{ waiting, away: 0 }] };
}

test('a room that is read again because its rules changed tells the ranks of its sketch as before', () => {
  const numbers = new LineNumbers(createMetrics(createRegistry(false)).ofRoom('one'));
  const back = someone({ sequence: 9, rankKnown: 6 });
  hear(numbers, 10, ['a', 'b', 'back']);
  numbers.adopt(reading(11, 3), names, false, 1);
  expect(numbers.rankOf(back, back.score)).toBe(3);
});

test('in a new epoch, whose writes are counted anew, what Redis has answered counts at once', () => {
  const numbers = new LineNumbers(createMetrics(createRegistry(false)).ofRoom('one'));
  hear(numbers, 10_000, ['a', 'b', 'back']);
  numbers.adopt(reading(1, 3), names, false, 1);
  const back = someone({ sequence: 2, rankKnown: 1 });
  expect(numbers.rankOf(back, back.score)).toBe(1);
});
