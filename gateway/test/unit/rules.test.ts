import { expect, test } from 'vitest';
import { checkRules, defaultRules, mergeRules } from '../../src/queue/rules.ts';

const pathsOf = (differences: unknown): readonly string[] =>
  checkRules(mergeRules(defaultRules, differences)).map(({ path }) => path);

test('the default rules are right', () => {
  expect(pathsOf({})).toEqual([]);
});

test('a schedule runs forward, and a pre-queue leads to an opening', () => {
  expect(pathsOf({ schedule: { prequeueAt: 1, opensAt: 2, closesAt: 3 } })).toEqual([]);
  expect(pathsOf({ schedule: { prequeueAt: 3, opensAt: 2 } })).toEqual(['schedule.prequeueAt']);
  expect(pathsOf({ schedule: { opensAt: 3, closesAt: 3 } })).toEqual(['schedule.closesAt']);
  expect(pathsOf({ schedule: { prequeueAt: 3 } })).toEqual(['schedule.prequeueAt']);
});

test('a lottery may have a pre-queue and open at the word of an operator', () => {
  expect(pathsOf({ queue: { method: 'lottery' }, schedule: { prequeueAt: 3 } })).toEqual([]);
});

test('no two lanes have one name', () => {
  const lanes = [
    { name: 'standard', weight: 1 },
    { name: 'standard', weight: 2 },
  ];
  expect(pathsOf({ lanes })).toEqual(['lanes']);
});
