import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { identify, type ProcessIdentity } from './process-identity.ts';

/** What the mourner knows of a process. */
export type Watched = {
  readonly name: string;
  readonly rank: number;
  readonly stopSignal: NodeJS.Signals;
  readonly identity: ProcessIdentity;
};

type Change = Omit<Watched, 'identity'> & { readonly pid: number | undefined };

/**
 * A small process that outlives this one only to clear up: should `npm start` be killed, it ends what is still
 * running, in order (Redis and Postgres have no channel to notice by). See start/mourner.ts.
 */
export class Wake {
  readonly #mourner: ChildProcess;

  constructor(logFile: string) {
    const log = openSync(logFile, 'a', 0o600);
    const file = fileURLToPath(new URL('mourner.ts', import.meta.url));
    this.#mourner = spawn(process.execPath, [file], { detached: true, stdio: ['ignore', log, log, 'ipc'] });
    closeSync(log);
    this.#mourner.on('error', () => undefined);
  }

  watch({ pid, ...rest }: Change): void {
    const identity = pid === undefined ? undefined : identify(pid);
    this.#tell({ ...rest, identity });
  }

  /** Everything has been stopped in order: nothing is left to clear up. Resolves when the mourner has gone too. */
  async end(): Promise<void> {
    if (!this.#mourner.connected) return;
    const gone = once(this.#mourner, 'exit');
    this.#tell('done');
    this.#mourner.disconnect();
    await gone;
  }

  #tell(message: object | string): void {
    if (this.#mourner.connected) this.#mourner.send(message, () => undefined);
  }
}
