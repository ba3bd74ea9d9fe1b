import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Program } from '../../start/program.ts';

export const fixture = (name: string): string =>
  fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url));

/** A small service of ours; what happens to it is written to `folder/journal`. */
export function testProgram(
  folder: string,
  name: string,
  behaviour: 'well' | 'dies' | 'hangs' = 'well',
): Program {
  return {
    name,
    command: process.execPath,
    args: [fixture('service'), name, join(folder, 'journal'), behaviour],
    env: process.env,
    cwd: folder,
    logFile: join(folder, `${name}.log`),
    stopSignal: 'SIGTERM',
    ready: 'message',
  };
}

/** A program that knows no channel, as Redis and Postgres. */
export function sleepProgram(folder: string): Program {
  return {
    name: 'sleep',
    command: 'sleep',
    args: ['1000'],
    env: process.env,
    cwd: folder,
    logFile: join(folder, 'sleep.log'),
    stopSignal: 'SIGTERM',
    ready: { answers: async () => true },
  };
}

/** Lines `name what pid` in the order in which they happened. */
export function journal(folder: string): readonly { name: string; what: string; pid: number }[] {
  const file = join(folder, 'journal');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [name = '', what = '', pid] = line.split(' ');
      return { name, what, pid: Number(pid) };
    });
}
