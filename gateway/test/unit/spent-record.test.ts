import { expect, test, vi } from 'vitest';
import type { RoomEvent } from '../../src/queue/broadcast.ts';
import { EndedTurns } from '../../src/queue/recovery/ended-turns.ts';
import { Exceptions } from '../../src/queue/recovery/exceptions.ts';
import { SpentRecord } from '../../src/queue/recovery/spent-record.ts';
import { nobodyEnded } from '../../src/queue/recovery/up-to.ts';

const at = { lane: 'standard', score: 7 };

function recordOf(...events: RoomEvent[]): SpentRecord {
  const record = new SpentRecord(new EndedTurns());
  for (const event of events) record.heard(event);
  return record;
}

function factsOf(record: SpentRecord): string[] {
  return [...record.words(false)].filter((word) => /^[acwxqe]/.test(word));
}

const admitted: RoomEvent = { type: 'admitted', visitor: 'v', turn: 3, claimBy: 100, at };
const active: RoomEvent = { type: 'active', visitor: 'v', turn: 3, deadline: 500 };

test('a turn becomes a session of the same place, and a session that ended early is told with its turn', () => {
  expect(factsOf(recordOf(admitted, active))).toEqual(['c:v:3:0:standard:7:500']);
  const ended: RoomEvent = { type: 'ended', visitor: 'v', turn: 3, reason: 'left', deadline: 500 };
  expect(factsOf(recordOf(admitted, active, ended))).toEqual(['e:v:3:500']);
});

test('the last admitted score of a lane never falls, and lanes are told apart', () => {
  const earlier: RoomEvent = { ...admitted, visitor: 'u', turn: 4, at: { lane: 'standard', score: 5 } };
  const other: RoomEvent = { ...admitted, visitor: 'w', turn: 5, at: { lane: 'priority', score: 9 } };
  const words = [...recordOf(admitted, earlier, other).words(true)];
  expect(words.filter((word) => /^[sm]/.test(word))).toEqual([
    's:standard:7',
    'm:standard:7',
    's:priority:9',
    'm:priority:9',
  ]);
  expect(words).toContain('n:5');
});

test('who was struck is an exception until a turn comes, and who has a second chance until it is used', () => {
  const struck: RoomEvent = { type: 'abandoned', visitor: 'v', at };
  expect(factsOf(recordOf(struck))).toEqual(['x:v:standard:7']);
  expect(factsOf(recordOf(struck, admitted))).toEqual(['a:v:3:0:standard:7:100']);
  const again: RoomEvent = { type: 'waits-again', visitor: 'v', score: 7, turn: 3, at, lapses: 1 };
  expect(factsOf(recordOf(admitted, again))).toEqual(['w:v:3:1:standard:7:0']);
  expect(factsOf(recordOf(admitted, again, { type: 'lapsed', visitor: 'v', turn: 4, at }))).toEqual([
    'q:v:lapsed:standard:7',
  ]);
});

test('what is read late does not take back what was heard meanwhile', () => {
  const record = recordOf(admitted, active);
  record.take('a:v:3:0:standard:7:100');
  expect(factsOf(record)).toEqual(['c:v:3:0:standard:7:500']);
  record.heard({ type: 'ended', visitor: 'v', turn: 3, reason: 'revoked', deadline: 500 });
  record.take('c:v:3:0:standard:7:500');
  expect(factsOf(record)).toEqual(['e:v:3:500', 'q:v:revoked:standard:7']);
});

test('what ran out, and a queue that ended, leave nothing behind', () => {
  const record = recordOf(admitted, { type: 'abandoned', visitor: 'u', at: { lane: 'standard', score: 9 } });
  record.heard({ type: 'queue-ended', reason: 'sold-out', upTo: { drawn: 9, arrived: -2 } });
  record.forgetOld(1_000_000);
  expect(factsOf(record)).toEqual([]);
  expect([...record.words(false)]).toContain('z:9:sold-out');
});

test('a queue that ended with arrivals in it says nothing of who joins a draw later, and nothing of its end is unsaid', () => {
  const arrival = (visitor: string, n: number): RoomEvent => absent(visitor, 2 ** 52 + n);
  const absent = (visitor: string, score: number): RoomEvent => ({
    ...{ type: 'abandoned', visitor, at: { lane: 'standard', score } },
  });
  const record = recordOf(arrival('early', 4), absent('listed', -1));
  record.heard({ type: 'queue-ended', reason: 'closed', upTo: { drawn: -1, arrived: 2 ** 52 + 5 } });
  expect(factsOf(record)).toEqual([]);
  for (const event of [
    arrival('read late', 5),
    arrival('later', 6),
    absent('to be drawn', -1),
    absent('drawn', 7),
  ])
    record.heard(event);
  expect(factsOf(record)).toEqual([
    `x:later:standard:${2 ** 52 + 6}`,
    'x:to be drawn:standard:-1',
    'x:drawn:standard:7',
  ]);
  record.heard({
    type: 'queue-ended',
    reason: 'sold-out',
    upTo: { drawn: 2 ** 52 - 1, arrived: 2 ** 52 + 5 },
  });
  expect(factsOf(record)).toEqual([`x:later:standard:${2 ** 52 + 6}`]);
  expect([...record.words(false)].filter((word) => word.startsWith('z'))).toEqual([
    `z:${2 ** 52 - 1}:sold-out`,
    `z:${2 ** 52 + 5}:sold-out`,
  ]);
});

test('the absent of a queue that ended whole are forgotten at once and not one by one, of arrivals and of a draw', () => {
  for (const [score, upTo] of [
    [2 ** 52 + 4, { drawn: nobodyEnded.drawn, arrived: 2 ** 52 + 5 }],
    [7, { drawn: 2 ** 52 - 1, arrived: nobodyEnded.arrived }],
  ] as const) {
    const exceptions = new Exceptions();
    exceptions.add({ visitor: 'v', lane: 'standard', score });
    const deleted = vi.spyOn(Map.prototype, 'delete');
    exceptions.deleteUpTo(upTo);
    expect(deleted).not.toHaveBeenCalled();
    deleted.mockRestore();
    expect([...exceptions.all()]).toEqual([]);
  }
});
