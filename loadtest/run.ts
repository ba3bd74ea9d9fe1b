import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onInterrupt } from '../scripts/interrupts.ts';
import { findK6 } from './runner/find-k6.ts';
import { crowd, help, type Options, readOptions } from './runner/options.ts';
import { outage } from './runner/outage.ts';
import { runSourceTest, type TestResult } from './runner/source-test.ts';
import { sourceTests } from './runner/source-tests.ts';
import { startStack, useStack } from './runner/stack.ts';
import { surge, verdictLines } from './runner/surge.ts';
import { readTestOptions, type TestOptions, testsHelp } from './runner/test-options.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const interrupt = new AbortController();
  onInterrupt(() => {
    say('\nStopping ...');
    interrupt.abort();
  });
  const test = readTestOptions(args, [...Object.keys(sourceTests(undefined)), 'outage']);
  if (test !== undefined) return runTest(test, interrupt.signal);
  const options = readOptions(args);
  if (options === 'help') {
    say(`${help}\n\n${testsHelp}`);
    return 0;
  }
  const k6 = await findK6(root, say);
  say(`k6 ${k6.version} (${k6.path})`);
  const stack =
    options.addresses === undefined ? await ownStack(options) : useStack(resolve(options.addresses));
  const folder = join(root, '.cache', 'loadtest', options.variant);
  const out = resolve(
    options.out ?? (options.visitors === crowd ? join(root, 'loadtest', 'results') : folder),
  );
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const result = await surge({
      options,
      addresses: stack.addresses,
      k6,
      script: join(root, 'loadtest', 'scenarios', 'surge.ts'),
      folder,
      signal: interrupt.signal,
      say,
    });
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, `${options.variant}.json`), `${JSON.stringify(result.report, undefined, 2)}\n`);
    writeFileSync(join(out, `${options.variant}.md`), result.markdown);
    say(`\nReport: ${join(out, `${options.variant}.md`)}`);
    return result.passed ? 0 : 1;
  } finally {
    await stack.stop();
  }
}

/** One of the tests beside the surge. */
async function runTest({ name, seconds, out }: TestOptions, signal: AbortSignal): Promise<number> {
  const folder = join(root, '.cache', 'loadtest', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const result =
    name === 'outage'
      ? await outage({ seconds, signal, say })
      : await sourceTest({ name, seconds, folder, signal });
  const into = resolve(out ?? (seconds === undefined ? join(root, 'loadtest', 'results') : folder));
  mkdirSync(into, { recursive: true });
  writeFileSync(join(into, `${name}.json`), `${JSON.stringify(result.report, undefined, 2)}\n`);
  writeFileSync(join(into, `${name}.md`), result.markdown);
  for (const line of verdictLines(result.report.checks)) say(line);
  say(`\nReport: ${join(into, `${name}.md`)}`);
  return result.passed ? 0 : 1;
}

async function sourceTest({
  name,
  seconds,
  folder,
  signal,
}: {
  readonly name: string;
  readonly seconds: number | undefined;
  readonly folder: string;
  readonly signal: AbortSignal;
}): Promise<TestResult> {
  const test = sourceTests(seconds)[name];
  if (test === undefined) throw new Error(`there is no test ${name}`);
  const k6 = await findK6(root, say);
  say('Starting a Ropeline of its own for this run ...');
  const stack = await startStack({ ENTRY_REQUIRED: 'false' });
  try {
    return await runSourceTest({ name, test, addresses: stack.addresses, k6, root, folder, signal, say });
  } finally {
    await stack.stop();
  }
}

async function ownStack(options: Options): ReturnType<typeof startStack> {
  say('Starting a Ropeline of its own for this run ...');
  const stack = await startStack({
    GATEWAYS: String(options.gateways),
    ...(options.variant === 'direct' ? { ENTRY_REQUIRED: 'false' } : {}),
  });
  say('  ropeline ready');
  return stack;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
