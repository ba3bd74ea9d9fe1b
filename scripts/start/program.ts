import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';

/** One process of the installation: how it is started, known to be ready, and asked to stop. */
export type Program = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly logFile: string;
  readonly stopSignal: NodeJS.Signals;
  readonly identity?: { readonly uid?: number; readonly gid?: number };
  /** `message`: it says `ready` over its channel and stops when that closes. Else it is asked by `answers`. */
  readonly ready: 'message' | { readonly answers: () => Promise<boolean> };
  /** Makes the ground ready before every start, the first and those after a death. */
  readonly prepare?: () => Promise<void>;
};

const maxLogBytes = 20 * 1024 * 1024;

/**
 * Starts it in a session of its own: Ctrl-C reaches the whole group of the terminal, and the order of stopping is
 * ours. Output is appended to its log.
 */
export function launch(program: Program): ChildProcess {
  rotate(program.logFile);
  const log = openSync(program.logFile, 'a', 0o600);
  latestRuns.set(program.logFile, fstatSync(log).size);
  const options: SpawnOptions = {
    cwd: program.cwd,
    env: program.env,
    detached: true,
    stdio: program.ready === 'message' ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
    ...program.identity,
  };
  try {
    return spawn(program.command, program.args, options);
  } finally {
    closeSync(log);
  }
}

/** Where in a log the output of the latest run begins. */
const latestRuns = new Map<string, number>();

/** The end of what its latest run has written, for a message about its death. */
export function lastWords(program: Program, lines = 12): string {
  if (!existsSync(program.logFile)) return '';
  return readFileSync(program.logFile)
    .subarray(latestRuns.get(program.logFile) ?? 0)
    .toString()
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at /.test(line))
    .slice(-lines)
    .map(readable)
    .join('\n');
}

/** A pino line as people read it; anything else as it is. */
function readable(line: string): string {
  try {
    const { msg, err } = JSON.parse(line) as { msg?: string; err?: { message?: string } };
    return err?.message === undefined ? (msg ?? line) : `${msg}: ${err.message}`;
  } catch {
    return line;
  }
}

function rotate(file: string): void {
  if (existsSync(file) && statSync(file).size > maxLogBytes) renameSync(file, `${file}.1`);
}
