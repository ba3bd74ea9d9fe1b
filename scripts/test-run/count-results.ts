export type Counts = { readonly passed: number; readonly failed: number };

/** What is used of vitest's JSON report. */
export type VitestReport = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
};

/**
 * Passed and failed tests. A file that failed without a failed test (it could not be loaded, a hook threw) counts as
 * one, and so does a run that failed as a whole (an unhandled error), so that nothing red adds up to green.
 */
export function countResults(report: VitestReport, succeeded: boolean): Counts {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  return { passed: report.numPassedTests, failed: failed === 0 && !succeeded ? 1 : failed };
}
