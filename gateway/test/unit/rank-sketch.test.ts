import { expect, test } from 'vitest';
import { parseBroadcast } from '../../src/queue/broadcast.ts';
import { RankSketch } from '../../src/queue/numbers/sketch.ts';
import { parsePiece, SketchDraft } from '../../src/queue/numbers/sketch-draft.ts';
import { lastAt, nobodyAdmitted } from '../../src/queue/recovery/up-to.ts';

const ids = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => `v${from + i}`).join(',');

test('a line in pieces becomes one sketch with the last of them, and tells the ranks of who it names', () => {
  const draft = new SketchDraft(new RankSketch(450, lastAt(10), 9_000), 3);
  expect(draft.add(parsePiece(2, 401, ids(401, 450), ''))).toBeUndefined();
  expect(draft.add(parsePiece(1, 201, ids(201, 400), ''))).toBeUndefined();
  const sketch = draft.add(parsePiece(0, 1, ids(1, 200), ''));
  expect([1, 200, 201, 450].map((n) => sketch?.rankOf(8_000, `v${n}`))).toEqual([1, 200, 201, 450]);
  expect(sketch).toMatchObject({ waiting: 450, last: lastAt(10), newest: 9_000 });
});

test('who moved up while the pieces were drawn is in two of them, and the later one counts', () => {
  const draft = new SketchDraft(new RankSketch(400, nobodyAdmitted, 9_000), 2);
  draft.add(parsePiece(1, 201, ids(201, 400), ''));
  // Forty were admitted meanwhile.
  const sketch = draft.add(parsePiece(0, 1, ids(41, 240), ''));
  expect([41, 240, 241].map((n) => sketch?.rankOf(1, `v${n}`))).toEqual([1, 200, 241]);
});

test('a sketch that lacks a piece is none', () => {
  const draft = new SketchDraft(new RankSketch(500, nobodyAdmitted, 9_000), 3);
  draft.add(parsePiece(2, 401, ids(401, 500), ''));
  expect(draft.add(parsePiece(0, 1, ids(1, 200), ''))).toBeUndefined();
  expect(draft.add(parsePiece(0, 1, ids(1, 200), ''))).toBeUndefined();
  const begunLate = new SketchDraft(new RankSketch(500, nobodyAdmitted, 9_000), 3);
  expect(begunLate.add(parsePiece(1, 201, ids(201, 400), ''))).toBeUndefined();
});

test('behind the first thousand ranks lie between the marks, never a percent of the queue from the truth', () => {
  const draft = new SketchDraft(new RankSketch(3_000, nobodyAdmitted, 900_000), 1);
  const sketch = draft.add(parsePiece(0, 1, ids(1, 1_000), '1000:5000,1040:6000,1080:90000,3000:800000'));
  expect(sketch?.rankOf(5_500)).toBe(1_020);
  expect(sketch?.rankOf(90_000)).toBe(1_080);
  // Between ranks 1,040 and 1,080 whoever stands nearest to either mark is at most 30 from what is told.
  expect(sketch?.rankOf(6_001)).toBe(1_050);
  expect(sketch?.rankOf(89_999)).toBe(1_070);
  expect(sketch?.rankOf(900_000)).toBe(3_001);
});

test('marks that passed each other while the line moved are left out, so that ranks go up with scores', () => {
  const draft = new SketchDraft(new RankSketch(1_200, nobodyAdmitted, 900_000), 2);
  draft.add(parsePiece(1, 501, '', '1080:7000,1200:9000'));
  const sketch = draft.add(parsePiece(0, 1, '', '1000:6000,1060:8000'));
  const ranks = Array.from({ length: 40 }, (_, i) => sketch?.rankOf(5_900 + 100 * i) ?? 0);
  expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
  expect(sketch?.rankOf(9_000)).toBe(1_200);
});

test('until its own ranks have come a sketch tells the new counts with the ranks of the one before', () => {
  const before = new RankSketch(2, lastAt(5), 50, new Map([['v1', 1]]), { scores: [], ranks: [] });
  const begun = new RankSketch(7, lastAt(6), 90).withRanksOf(before);
  expect(begun).toMatchObject({ waiting: 7, last: lastAt(6), newest: 50 });
  expect(begun.rankOf(40, 'v1')).toBe(1);
  expect(new RankSketch(7, lastAt(6), 90).withRanksOf(undefined).newest).toBe(0);
});

test('a broadcast carries the counts of a lane and the pieces of its sketch', () => {
  const { events } = parseBroadcast(
    'e1 1 1 1000 1\ns 2 1500 4503599627370497 4503599627370999 5 77\np 2 4 801 a,b 1500:77',
  );
  expect(events).toMatchObject([
    {
      type: 'sketch',
      lane: 1,
      pieces: 5,
      sketch: { waiting: 1_500, last: { drawn: 77, arrived: 4_503_599_627_370_497 } },
    },
    {
      type: 'piece',
      lane: 1,
      piece: { left: 4, from: 801, ids: ['a', 'b'], marks: { ranks: [1_500], scores: [77] } },
    },
  ]);
});

test('who has come, or come back, since the sketch was drawn has the rank that was known last', () => {
  const counts = new RankSketch(3, nobodyAdmitted, 9_000);
  const short = new SketchDraft(counts, 1).add(parsePiece(0, 1, 'v1,v2,v3', ''));
  expect(short?.rankOf(500, 'back', 2)).toBe(2);
  expect(short?.rankOf(9_001, 'new', 4)).toBe(4);
  // Whom the sketch shows it knows better.
  expect(short?.rankOf(500, 'v3', 900)).toBe(3);
  const long = new SketchDraft(new RankSketch(3_000, nobodyAdmitted, 900_000), 1).add(
    parsePiece(0, 1, ids(1, 1_000), '1000:5000,1040:6000,3000:800000'),
  );
  expect(long?.rankOf(4_999, 'back', 17)).toBe(17);
  expect(long?.rankOf(5_500, 'behind', 17)).toBe(1_020);
  expect(long?.rankOf(900_001, 'new', 3_005)).toBe(3_005);
});
