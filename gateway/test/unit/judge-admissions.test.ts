import { expect, test } from 'vitest';
import { type Happening, judgeAdmissions } from '../support/judge-admissions.ts';

const rules = (over: Partial<Extract<Happening, { type: 'rules' }>> = {}): Happening => ({
  type: 'rules',
  at: 0,
  ratePerMinute: 600,
  burst: 0,
  capacity: 100,
  ...over,
});
const waits = (visitor: string, score: number, lane = 'standard'): Happening => ({
  type: 'waits',
  at: 0,
  visitor,
  lane,
  score,
});
const admitted = (visitor: string, turn: number, at = turn * 100): Happening => ({
  type: 'admitted',
  at,
  visitor,
  turn,
});
const lapsed = (visitor: string, at: number): Happening => ({ type: 'lapsed', at, visitor });
const out = (visitor: string, at: number): Happening => ({ type: 'out', at, visitor });

const crowd = (count: number): Happening[] =>
  Array.from({ length: count }, (_, i) => waits(`v${i + 1}`, i + 1));
const steady = (count: number): Happening[] =>
  Array.from({ length: count }, (_, i) => admitted(`v${i + 1}`, i + 1));

test('admissions in order and at the rate are no violation, with what the bucket keeps neither', () => {
  expect(judgeAdmissions([rules(), ...crowd(9), ...steady(9)])).toEqual([]);
  expect(judgeAdmissions([rules(), ...crowd(3), admitted('v1', 1, 100), admitted('v2', 2, 100)])).toEqual([]);
  expect(
    judgeAdmissions([rules({ burst: 5 }), ...crowd(5), ...steady(5).map((one) => ({ ...one, at: 7 }))]),
  ).toEqual([]);
});

test('one admission too many in a window is found, however long the window', () => {
  const three = [1, 2, 3].map((n) => admitted(`v${n}`, n, 100));
  expect(judgeAdmissions([rules(), ...crowd(3), ...three])).toEqual([
    expect.stringMatching(/^3 admissions in 0 ms/),
  ]);
  const drifting = Array.from({ length: 60 }, (_, i) => admitted(`v${i + 1}`, i + 1, i * 95));
  expect(judgeAdmissions([rules(), ...crowd(60), ...drifting])).toEqual([
    expect.stringMatching(/admissions in \d{4} ms/),
  ]);
});

test('a rate that went down counts from then on', () => {
  const slower = rules({ at: 500, ratePerMinute: 60 });
  const at = (ms: number[]): Happening[] => ms.map((when, i) => admitted(`v${i + 1}`, i + 1, when));
  expect(judgeAdmissions([rules(), slower, ...crowd(9), ...at([100, 200, 300, 400, 500, 1_500])])).toEqual(
    [],
  );
  expect(
    judgeAdmissions([rules(), slower, ...crowd(9), ...at([100, 200, 300, 400, 500, 600, 700])]),
  ).toHaveLength(1);
});

test('a turn that lapsed allows one more, and only in windows that hold the lapse', () => {
  const three = [1, 2, 3].map((n) => admitted(`v${n}`, n, 900));
  const late = three.map((one, i) => ({ ...one, turn: i + 2 }));
  const first = [rules(), waits('x', 0), admitted('x', 1, 0), ...crowd(3)];
  expect(judgeAdmissions([...first, lapsed('x', 900), ...late])).toEqual([]);
  expect(judgeAdmissions([...first, lapsed('x', 899), ...late])).toHaveLength(1);
});

test('an admission at the capacity is found, and one after somebody went is none', () => {
  const full = [rules({ capacity: 2 }), ...crowd(3)];
  expect(judgeAdmissions([...full, ...steady(3)])).toEqual(['v3 was admitted while 2 of 2 were inside']);
  expect(judgeAdmissions([...full, ...steady(2), out('v1', 250), admitted('v3', 3)])).toEqual([]);
  expect(
    judgeAdmissions([rules(), ...crowd(2), ...steady(1), rules({ at: 150, capacity: 1 }), admitted('v2', 2)]),
  ).toHaveLength(1);
});

test('somebody passed over is found, unless in another lane or gone', () => {
  const two = [rules(), waits('a', 1), waits('b', 2)];
  expect(judgeAdmissions([...two, admitted('b', 1)])).toEqual([
    'b was admitted before a, who stood in front',
  ]);
  expect(judgeAdmissions([rules(), waits('a', 1, 'other'), waits('b', 2), admitted('b', 1)])).toEqual([]);
  expect(judgeAdmissions([...two, out('a', 50), admitted('b', 1), waits('a', 1), admitted('a', 2)])).toEqual(
    [],
  );
});

test('a second turn for one place is found, and a second chance is none', () => {
  const once = [rules(), ...crowd(1), admitted('v1', 1)];
  expect(judgeAdmissions([...once, admitted('v1', 2)])).toContain('v1 was admitted and did not wait');
  expect(judgeAdmissions([...once, lapsed('v1', 150), waits('v1', 1), admitted('v1', 2)])).toEqual([]);
});

test('turn numbers that repeat or go back are found', () => {
  expect(judgeAdmissions([rules(), ...crowd(2), admitted('v1', 1), admitted('v2', 1, 200)])).toEqual([
    'turn 1 came after turn 1',
  ]);
});
