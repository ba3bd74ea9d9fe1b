import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type K6 = { readonly path: string; readonly version: string };

/** Older ones cannot load `k6/websockets` by themselves. */
const oldestMajor = 2;

/**
 * k6 from PATH, else from the project's cache, else built into the cache with the Go toolchain from the pinned tool
 * module loadtest/k6. Throws an Error that says how to get one.
 */
export async function findK6(root: string, say: (line: string) => void): Promise<K6> {
  const cached = join(root, '.cache', 'k6');
  const found = ['k6', cached].map(versionOf).find((k6) => k6 !== undefined);
  if (found !== undefined) return found;
  const go = spawnSync('go', ['version'], { encoding: 'utf8' });
  if (go.status !== 0) {
    throw new Error(
      [
        'The load test needs k6 2 or newer. One of these helps:',
        '  - put a k6 on PATH (https://grafana.com/docs/k6/latest/set-up/install-k6/)',
        '  - install Go 1.26 or newer and run this again: it builds k6 in a minute or two',
        '  - npm run crowd -- 500 sends a crowd without k6',
      ].join('\n'),
    );
  }
  say(`There is no k6 >= ${oldestMajor}: building it once with ${go.stdout.trim()} (one or two minutes) ...`);
  await build(join(root, 'loadtest', 'k6'), cached, say);
  const built = versionOf(cached);
  if (built === undefined) throw new Error(`${cached} was built, but does not run`);
  return built;
}

function versionOf(path: string): K6 | undefined {
  const { stdout, status } = spawnSync(path, ['version'], { encoding: 'utf8' });
  const version = /^k6(?:\.exe)? v(\d+)(\.\S+)/.exec(stdout ?? '');
  if (status !== 0 || version === null || Number(version[1]) < oldestMajor) return undefined;
  return { path, version: `${version[1]}${version[2]}` };
}

async function build(module: string, target: string, say: (line: string) => void): Promise<void> {
  mkdirSync(dirname(target), { recursive: true });
  const started = performance.now();
  // Plain `go install` fails: k6's module path is a host of its own that Go would have to ask.
  const child = spawn('go', ['build', '-trimpath', '-o', target, 'go.k6.io/k6/v2'], {
    cwd: module,
    env: { ...process.env, GOFLAGS: '-mod=readonly' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const seconds = (): string => `${((performance.now() - started) / 1_000).toFixed(0)} s`;
  const timer = setInterval(() => say(`  ... building k6: ${seconds()} so far`), 5_000);
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error('go build failed (see above). Is the Go module proxy reachable?');
    say(`  k6 is built (${seconds()}).`);
  } finally {
    clearInterval(timer);
  }
}
