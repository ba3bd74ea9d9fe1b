import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Counts, countResults, type VitestReport } from './count-results.ts';

export type Run = { readonly counts: Promise<Counts>; readonly process: ChildProcess };

/** Runs one vitest project in this terminal and counts what its JSON report says. */
export function runProject(
  root: string,
  project: string,
  reportFolder: string,
  words: readonly string[],
): Run {
  const report = join(reportFolder, `${project}.json`);
  const child = spawn(
    process.execPath,
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      ...['run', '--project', project, '--passWithNoTests'],
      ...['--reporter', 'default', '--reporter', 'json', '--outputFile.json', report],
      ...words,
    ],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  return { process: child, counts: outcome(child, report) };
}

async function outcome(child: ChildProcess, report: string): Promise<Counts> {
  const [code] = (await once(child, 'close')) as [number | null];
  try {
    return countResults(JSON.parse(readFileSync(report, 'utf8')) as VitestReport, code === 0);
  } catch {
    // It ended before it could report.
    return { passed: 0, failed: code === 0 ? 0 : 1 };
  }
}
