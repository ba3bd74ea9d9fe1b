import { expect, test } from 'vitest';
import { countResults } from '../../test-run/count-results.ts';

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((one) => ({ status: one })),
});

test('tests are counted, and a file that failed without a failed test counts as one', () => {
  const report = {
    numPassedTests: 3,
    numFailedTests: 1,
    testResults: [file('passed', 'passed', 'passed'), file('failed', 'passed', 'failed'), file('failed')],
  };
  expect(countResults(report, false)).toEqual({ passed: 3, failed: 2 });
});

test('a run that failed as a whole is never green', () => {
  const report = { numPassedTests: 1, numFailedTests: 0, testResults: [file('passed', 'passed')] };
  expect(countResults(report, false)).toEqual({ passed: 1, failed: 1 });
  expect(countResults(report, true)).toEqual({ passed: 1, failed: 0 });
});
