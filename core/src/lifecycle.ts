import type { Logger } from './log.ts';

type Closer = { readonly name: string; readonly close: () => Promise<void> | void };

/**
 * Stops a process in order, once, within a deadline.
 *
 * Closers run in the reverse order of registration, each after the one before it. A stop is asked for by
 * SIGTERM, SIGINT, or the end of the IPC channel to a parent (so nothing outlives a killed `npm start`).
 * Past the deadline the process exits with code 1 and names the closer that hung.
 */
export class Lifecycle {
  readonly #log: Logger;
  readonly #deadlineMs: number;
  readonly #closers: Closer[] = [];
  #stopping: Promise<void> | undefined;

  constructor(log: Logger, deadlineMs = 10_000) {
    this.#log = log;
    this.#deadlineMs = deadlineMs;
  }

  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  onStop(name: string, close: () => Promise<void> | void): void {
    this.#closers.push({ name, close });
  }

  /** Installs the signal handlers; an uncaught error is logged and stops the process with code 1. */
  listen(): void {
    const stop = (reason: string, code: number): void => {
      this.stop(reason).then(
        () => process.exit(code),
        () => process.exit(1),
      );
    };
    process.on('SIGTERM', () => stop('SIGTERM', 0));
    process.on('SIGINT', () => stop('SIGINT', 0));
    process.on('disconnect', () => stop('parent gone', 0));
    process.on('uncaughtException', (error) => {
      this.#log.fatal({ err: error }, 'uncaught exception');
      stop('uncaught exception', 1);
    });
    process.on('unhandledRejection', (error) => {
      this.#log.fatal({ err: error }, 'unhandled rejection');
      stop('unhandled rejection', 1);
    });
  }

  stop(reason: string): Promise<void> {
    this.#stopping ??= this.#run(reason);
    return this.#stopping;
  }

  async #run(reason: string): Promise<void> {
    this.#log.info({ reason }, 'stopping');
    let current = '';
    const timer = setTimeout(() => {
      this.#log.fatal({ closer: current }, 'stop deadline passed');
      process.exit(1);
    }, this.#deadlineMs);
    timer.unref();
    for (const closer of this.#closers.reverse()) {
      current = closer.name;
      try {
        await closer.close();
      } catch (error) {
        this.#log.error({ err: error, closer: closer.name }, 'closer failed');
      }
    }
    clearTimeout(timer);
    this.#log.info('stopped');
  }
}

/** Tells a parent that supervises over IPC that this process is ready. Harmless without a parent. */
export function reportReady(): void {
  process.send?.('ready');
}
