import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stopChild } from '../../scripts/services/child.ts';

export type K6Run = {
  readonly stories: string;
  readonly summary: string;
  readonly report: string;
  /** Warnings of k6. */
  readonly log: string;
};

/** Exit code of k6 when a threshold is broken; everything else above 0 is a failure of the run itself. */
const thresholdsBroken = 99;

function lastLines(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-12).join('\n');
}

/** Where a run of k6 leaves its files. */
export function filesIn(folder: string): K6Run {
  return {
    stories: join(folder, 'stories.jsonl'),
    summary: join(folder, 'summary.json'),
    report: join(folder, 'report.txt'),
    log: join(folder, 'k6.log'),
  };
}

/**
 * Runs the scenario to its end, at most `limitMs`. Resolves to whether its thresholds were kept; throws when k6
 * itself failed. Settings go by the environment: a token has no place in a list of processes.
 */
export async function runK6(
  k6: string,
  script: string,
  env: Record<string, string>,
  {
    files,
    limitMs,
    signal,
  }: { readonly files: K6Run; readonly limitMs: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const log = openSync(files.log, 'w');
  const args = ['run', '--quiet', '--no-usage-report', '--no-color', '--log-format', 'raw'];
  const child = spawn(k6, [...args, '--console-output', files.stories, script], {
    stdio: ['ignore', log, log],
    env: {
      ...process.env,
      // It would ask a build service for modules that it does not know.
      K6_AUTO_EXTENSION_RESOLUTION: 'false',
      SUMMARY_FILE: files.summary,
      REPORT_FILE: files.report,
      ...env,
    },
  });
  closeSync(log);
  const stop = (): void => void stopChild(child, 'SIGINT', 10_000);
  signal.addEventListener('abort', stop);
  const timer = setTimeout(stop, limitMs);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('exit', resolve);
      child.once('error', reject);
    });
    if (code !== 0 && code !== thresholdsBroken)
      throw new Error(`k6 ended with code ${code}. Its last words:\n${lastLines(files.log)}`);
    return code === 0;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}
