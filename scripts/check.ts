import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onInterrupt } from './interrupts.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name: string): string => join(root, 'node_modules/.bin', name);

type Check = { readonly name: string; readonly command: string; readonly args: readonly string[] };

/** Everything that can be said of the code without running it, and what to do when it is not so. */
const checks: readonly Check[] = [
  { name: 'format and lint (npm run format mends much)', command: bin('biome'), args: ['check'] },
  { name: 'types of what runs on Node', command: bin('tsc'), args: ['-p', 'tsconfig.json'] },
  { name: 'types of the pages', command: bin('tsc'), args: ['-p', 'waiting-room-ui'] },
  { name: 'types of the k6 scripts', command: bin('tsc'), args: ['-p', 'loadtest'] },
  {
    name: 'syntax of what Node strips',
    command: process.execPath,
    args: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'scripts/check/syntax.ts'],
  },
  {
    name: 'Lua contracts',
    command: bin('vitest'),
    args: ['run', '--project', 'unit', 'script-contract'],
  },
];

// Colours would only be noise in what is collected and shown later.
const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined };

onInterrupt(() => process.exit(130));
let failed = 0;
for (const { name, command, args } of checks) {
  const started = performance.now();
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
  if (code !== 0) {
    failed += 1;
    console.log(Buffer.concat(output).toString().trimEnd());
  }
}
console.log(failed === 0 ? 'All checks passed.' : `${failed} of ${checks.length} checks failed.`);
process.exit(failed === 0 ? 0 : 1);
