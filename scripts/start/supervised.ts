import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { launch, type Program } from './program.ts';

export type SupervisionEvents = {
  /** It died by itself and will be started again after `restartMs`. */
  readonly died: (program: Program, how: string, restartMs: number) => void;
  /** It is ready again, so long after it was started. */
  readonly back: (program: Program, afterMs: number) => void;
  /** It died five times within a minute and is not started again. */
  readonly failed: (program: Program, how: string) => void;
  /** A new process runs, or (undefined) none does. */
  readonly process: (program: Program, pid: number | undefined) => void;
};

const maxDeaths = 5;
const withinMs = 60_000;
const firstBackoffMs = 200;
const maxBackoffMs = 5_000;
const readyWithinMs = 60_000;

/**
 * Keeps one program running.
 *
 * - `down`: before `start`, and after `stop` has ended.
 * - `starting`: a process runs and has not said that it is ready. Entered by `start` and after a back-off.
 * - `up`: it is ready.
 * - `resting`: it died; entered from `starting` and `up`, left after the back-off, which doubles with every death
 *   of the last minute.
 * - `failed`: it died five times in a minute; nothing leaves it.
 * - `stopping`: entered by `stop` from any state; leads to `down` when the process has gone.
 *
 * A process that is not ready within a minute is killed, which counts as a death.
 */
export class Supervised {
  readonly program: Program;
  readonly #events: SupervisionEvents;
  #state: 'down' | 'starting' | 'up' | 'resting' | 'failed' | 'stopping' = 'down';
  #child: ChildProcess | undefined;
  #deaths: number[] = [];
  #everReady = false;
  readonly #rest = new AbortController();
  readonly #firstReady = Promise.withResolvers<void>();

  constructor(program: Program, events: SupervisionEvents) {
    this.program = program;
    this.#events = events;
    this.#firstReady.promise.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  /** Resolves when it is ready for the first time; rejects when it fails or is stopped before. */
  start(): Promise<void> {
    if (this.#state !== 'down') throw new Error(`${this.program.name} was started before`);
    this.#launch();
    return this.#firstReady.promise;
  }

  /** Asks it to stop and waits; kills it after `graceMs`. It is not started again. */
  async stop(graceMs: number): Promise<void> {
    this.#state = 'stopping';
    this.#rest.abort();
    this.#firstReady.reject(new Error(`${this.program.name} was stopped`));
    const child = this.#child;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill(graceMs > 0 ? this.program.stopSignal : 'SIGKILL');
      const timer = setTimeout(() => child.kill('SIGKILL'), Math.max(graceMs, 0));
      await gone;
      clearTimeout(timer);
    }
    this.#state = 'down';
  }

  kill(): void {
    this.#state = 'stopping';
    this.#rest.abort();
    this.#child?.kill('SIGKILL');
  }

  #launch(): void {
    this.#state = 'starting';
    this.#run().catch((error: unknown) => this.#died(String(error)));
  }

  async #run(): Promise<void> {
    await this.program.prepare?.();
    if (this.#state !== 'starting') return;
    const started = performance.now();
    const child = launch(this.program);
    this.#child = child;
    this.#events.process(this.program, child.pid);
    // Without a process there is no exit event: the command does not exist or may not be run.
    child.once('error', (error) => child.pid === undefined && this.#died(error.message));
    child.once('exit', (code, signal) => {
      this.#events.process(this.program, undefined);
      this.#died(signal === null ? `exit code ${code}` : signal);
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), readyWithinMs);
    const ready = await untilReady(this.program, child);
    clearTimeout(timer);
    if (!ready || this.#state !== 'starting') return;
    this.#state = 'up';
    if (this.#everReady) this.#events.back(this.program, Math.round(performance.now() - started));
    this.#everReady = true;
    this.#firstReady.resolve();
  }

  #died(how: string): void {
    if (this.#state !== 'starting' && this.#state !== 'up') return;
    const now = performance.now();
    this.#deaths = [...this.#deaths.filter((at) => now - at < withinMs), now];
    if (this.#deaths.length >= maxDeaths) {
      this.#state = 'failed';
      this.#firstReady.reject(new Error(`${this.program.name} died ${maxDeaths} times`));
      this.#events.failed(this.program, how);
      return;
    }
    this.#state = 'resting';
    const backoffMs = Math.min(firstBackoffMs * 2 ** (this.#deaths.length - 1), maxBackoffMs);
    this.#events.died(this.program, how, backoffMs);
    delay(backoffMs, undefined, { signal: this.#rest.signal }).then(
      () => this.#state === 'resting' && this.#launch(),
      () => undefined,
    );
  }
}

/** False when it went before it was ready. */
async function untilReady(program: Program, child: ChildProcess): Promise<boolean> {
  const gone = (): boolean => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  if (program.ready === 'message') {
    return new Promise((resolve) => {
      child.on('message', (message) => message === 'ready' && resolve(true));
      child.once('exit', () => resolve(false));
      child.once('error', () => resolve(false));
    });
  }
  while (!gone()) {
    if (await program.ready.answers()) return true;
    await delay(30);
  }
  return false;
}
