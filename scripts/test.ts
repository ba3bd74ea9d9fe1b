import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onInterrupt } from './interrupts.ts';
import { runProject } from './test-run/run-project.ts';
import { supplyTestTools } from './test-run/supply-test-tools.ts';

/**
 * `npm test`: the checks, then every vitest project in order, each with real services of its own. Words after `--`
 * go to vitest (a file name, `-t name`). The last line is `N passed, N failed`; a failed check counts as one.
 */
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const projects = ['unit', 'integration', 'e2e', 'browser'];
const words = process.argv.slice(2);
const reports = mkdtempSync(join(tmpdir(), 'ropeline-reports-'));

let running: ChildProcess | undefined;
onInterrupt(
  () => running?.kill('SIGINT'),
  () => running?.kill('SIGKILL'),
);

let passed = 0;
let failed = 0;
const durations: string[] = [];
try {
  const environment = await supplyTestTools(join(root, '.cache'));
  Object.assign(process.env, environment);
  if (words.length === 0) await timed('check', check);
  for (const project of projects) {
    await timed(project, async () => {
      const run = runProject(root, project, reports, words);
      running = run.process;
      const counts = await run.counts;
      passed += counts.passed;
      failed += counts.failed;
    });
  }
} catch (error) {
  failed += 1;
  console.error(error instanceof Error ? error.message : error);
} finally {
  rmSync(reports, { recursive: true, force: true });
}
if (passed + failed === 0) console.error('No test ran.');
console.log(`\n${durations.join(', ')}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

async function check(): Promise<void> {
  const child = spawn(process.execPath, [join(root, 'scripts/check.ts')], { cwd: root, stdio: 'inherit' });
  running = child;
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) failed += 1;
}

async function timed(name: string, work: () => Promise<void>): Promise<void> {
  console.log(`\n=== ${name}`);
  const started = performance.now();
  await work();
  durations.push(`${name} ${Math.round((performance.now() - started) / 1_000)} s`);
}
