import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeMachine } from '../runner/machine.ts';

/**
 * `npm run bench [-- name ...]`: runs the benchmarks one after another and writes each table, with the machine it was
 * taken on, to loadtest/results/bench-<name>.md; `engine` stands for all of the admission engine. A goal that was missed
 * is exit code 1; the table is written anyway.
 */
const benches = {
  queue: 'joins and status polls against an empty handler of the library below',
  proxy: 'the transport, and a proxied request against the site asked directly',
  'stock-scripts': 'the reserve script against the same writes without its checks',
  orders: 'POST /api/orders, units reserved and sold out, against an empty handler',
  'log-ins': '9,000 log-ins at once',
  'order-memory': 'what an order costs the stock Redis, while it lives and after',
  workers: 'orders a second through the workers against a bare unnest of the same batch size',
  pacing: 'the pacing error of a second, with one gateway, and with three of which one is killed',
  commands: 'Redis commands a second while visitors wait on sockets, or poll, and nobody is admitted',
  memory: 'Redis memory per waiting visitor against a bare sorted-set member',
  tick: 'Redis time of one tick that gives 100 turns to a million waiting',
  told: 'from the admission to the client that hears of it, with 15,000 sockets in one gateway',
  sockets: 'memory of the gateway per socket against a bare uWebSockets.js server',
} as const;
const groups: Readonly<Record<string, readonly string[]>> = {
  engine: ['pacing', 'commands', 'memory', 'tick', 'told', 'sockets'],
};
/** Longer than any of them takes; one that hangs is ended, and what it started ends with it. */
const deadlineMs = 180_000;

const folder = dirname(fileURLToPath(import.meta.url));
const results = join(folder, '..', 'results');
const asked = process.argv.slice(2).flatMap((word) => (word === '--' ? [] : (groups[word] ?? [word])));

if (asked.includes('--help') || asked.some((name) => !(name in benches))) {
  console.log(
    'npm run bench [-- name ...]   queue, proxy and orders need wrk on PATH (Debian: apt-get install wrk)\n',
  );
  for (const [name, what] of Object.entries(benches)) console.log(`  ${name.padEnd(14)} ${what}`);
  for (const [name, of] of Object.entries(groups)) console.log(`  ${name.padEnd(14)} ${of.join(', ')}`);
  process.exit(asked.includes('--help') ? 0 : 2);
}
let missed = 0;
for (const name of asked.length > 0 ? asked : Object.keys(benches)) {
  const file = join(folder, `${name}.ts`);
  if (!existsSync(file)) throw new Error(`there is no ${file}`);
  console.log(`${name}: ${benches[name as keyof typeof benches]} ...`);
  const before = loadavg()[0] ?? 0;
  const { code, output } = await run(file);
  if (code !== 0) missed += 1;
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, `bench-${name}.md`), report(name, output, before));
  console.log(`${code === 0 ? '' : '  a goal was missed\n'}  -> loadtest/results/bench-${name}.md\n`);
}
process.exit(missed === 0 ? 0 : 1);

async function run(file: string): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    process.stdout.write(chunk);
  });
  const timer = setTimeout(() => child.kill(), deadlineMs);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  return { code: code ?? 1, output };
}

function report(name: string, output: string, load: number): string {
  const { cores, cpu, memoryGiB, system, node } = describeMachine({ k6: '', redis: '', postgres: '' });
  const machine = `${cores} cores (${cpu}), ${memoryGiB} GiB, ${system}, Node ${node}; load average before: ${load.toFixed(2)}`;
  const what = benches[name as keyof typeof benches];
  return `# ${name}: ${what}\n\n${new Date().toISOString().slice(0, 10)}, ${machine}\n\n\`\`\`\n${output.trim()}\n\`\`\`\n`;
}
