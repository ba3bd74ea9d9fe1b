import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program } from './program.ts';
import { runTask } from './task.ts';

/** Builds the pages unless what is there was built from the same sources. Returns what was done. */
export async function buildUi(
  place: { readonly root: string; readonly logs: string; readonly env: NodeJS.ProcessEnv },
  stopped: AbortSignal,
): Promise<string> {
  const ui = join(place.root, 'waiting-room-ui');
  const sum = sourcesSum(place.root);
  const stamp = join(place.root, '.cache', 'ui-build');
  if (existsSync(join(ui, 'dist')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === sum)
    return 'unchanged';
  const { scripts } = JSON.parse(readFileSync(join(ui, 'package.json'), 'utf8')) as {
    scripts: { build: string };
  };
  const build: Program = {
    name: 'ui-build',
    // As `npm run build` does it, without npm.
    command: 'sh',
    args: ['-c', scripts.build],
    env: { ...place.env, PATH: `${join(place.root, 'node_modules/.bin')}:${place.env['PATH'] ?? ''}` },
    cwd: ui,
    logFile: join(place.logs, 'ui-build.log'),
    stopSignal: 'SIGTERM',
    ready: 'message',
  };
  await runTask(build, stopped);
  mkdirSync(join(place.root, '.cache'), { recursive: true });
  writeFileSync(stamp, sum);
  return 'built';
}

function sourcesSum(root: string): string {
  const hash = createHash('sha256');
  for (const file of [
    ...files(join(root, 'waiting-room-ui')),
    ...files(join(root, 'core/src/protocol')),
    join(root, 'package-lock.json'),
  ]) {
    hash.update(file.slice(root.length)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

const generated = new Set(['dist', 'node_modules', 'test']);

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !generated.has(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)]));
}
