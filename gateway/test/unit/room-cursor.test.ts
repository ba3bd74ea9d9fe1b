import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RoomCursor } from '../../src/queue/room-cursor.ts';

const start = 1_800_000_000_000;
/** The clock of Redis is ahead of ours. */
const ahead = 700;

beforeEach(() => {
  vi.useFakeTimers({ now: start, toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** An answer that took so long to Redis, and so long from there. */
function answer(cursor: RoomCursor, thereMs: number, backMs: number, offset = ahead): void {
  const askedAt = Date.now();
  const said = askedAt + thereMs + offset;
  vi.setSystemTime(askedAt + thereMs + backMs);
  cursor.sawTime(said, askedAt);
}

const error = (cursor: RoomCursor, offset = ahead): number => Math.abs(cursor.now() - Date.now() - offset);

test('a slow answer does not move the clock of the room, wherever it was slow', () => {
  const cursor = new RoomCursor('room');
  answer(cursor, 1, 1);
  expect(error(cursor)).toBeLessThanOrEqual(1);
  for (const [there, back] of [
    [3_000, 0],
    [0, 3_000],
    [1_500, 1_500],
  ] as const) {
    answer(cursor, there, back);
    expect(error(cursor)).toBeLessThanOrEqual(1);
  }
});

test('a clock known from a slow answer alone is corrected by the next quick one', () => {
  const cursor = new RoomCursor('room');
  answer(cursor, 0, 3_000);
  answer(cursor, 1, 1);
  expect(error(cursor)).toBeLessThanOrEqual(1);
  const other = new RoomCursor('room');
  answer(other, 3_000, 0, -ahead);
  answer(other, 1, 1, -ahead);
  expect(error(other, -ahead)).toBeLessThanOrEqual(1);
});

test('a clock of Redis that is set, forward or back, is followed by the next answer', () => {
  const cursor = new RoomCursor('room');
  for (const offset of [ahead, ahead + 60_000, ahead - 86_400_000]) {
    answer(cursor, 2, 5, offset);
    expect(error(cursor, offset)).toBeLessThanOrEqual(5);
  }
});

test('a clock of ours that is set back while an answer comes is followed, too', () => {
  const cursor = new RoomCursor('room');
  answer(cursor, 1, 1);
  const askedAt = Date.now();
  const said = askedAt + 1 + ahead;
  vi.setSystemTime(askedAt + 2 - 600_000);
  cursor.sawTime(said, askedAt);
  expect(error(cursor, ahead + 600_000)).toBeLessThanOrEqual(1);
});
