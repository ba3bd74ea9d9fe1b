import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeMachine } from '../runner/machine.ts';

/**
 * `npm run bench [-- name ...]`: runs the benchmarks one after another and writes each table, with the machine it was
 * taken on, to loadtest/results/bench-<name>.md. A goal that was missed is exit code 1; the table is written anyway.
 */
const benches = {
  queue: 'joins and status polls against an empty handler of the library below',
  proxy: 'the transport, and a proxied request against the site asked directly',
  'stock-scripts': 'the reserve script against the same writes without its checks',
  workers: 'orders a second through the workers against a bare unnest of the same batch size',
} as const;

const folder = dirname(fileURLToPath(import.meta.url));
const results = join(folder, '..', 'results');
const asked = process.argv.slice(2).filter((word) => word !== '--');

if (asked.includes('--help') || asked.some((name) => !(name in benches))) {
  console.log('npm run bench [-- name ...]   wrk must be on PATH (Debian: apt-get install wrk)\n');
  for (const [name, what] of Object.entries(benches)) console.log(`  ${name.padEnd(14)} ${what}`);
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
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? 1, output };
}

function report(name: string, output: string, load: number): string {
  const { cores, cpu, memoryGiB, system, node } = describeMachine({ k6: '', redis: '', postgres: '' });
  const machine = `${cores} cores (${cpu}), ${memoryGiB} GiB, ${system}, Node ${node}; load average before: ${load.toFixed(2)}`;
  const what = benches[name as keyof typeof benches];
  return `# ${name}: ${what}\n\n${new Date().toISOString().slice(0, 10)}, ${machine}\n\n\`\`\`\n${output.trim()}\n\`\`\`\n`;
}
