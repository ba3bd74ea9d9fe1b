import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from './log.ts';

/** A chore that runs again and again until it is stopped. */
export type Repeated = {
  /** Lets the run in hand finish, and no other begin. */
  readonly stop: () => Promise<void>;
};

/**
 * Runs `work` at once and then `everyMs` after each end, never twice at a time. A failure is logged once per series
 * and does not end the series. Chores are repeat-safe, so every worker process runs all of them: there is no leader.
 */
export function repeat(name: string, everyMs: number, log: Logger, work: () => Promise<void>): Repeated {
  const stopping = new AbortController();
  const ended = run();
  return {
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };

  async function run(): Promise<void> {
    let failing = false;
    while (!stopping.signal.aborted) {
      try {
        await work();
        if (failing) log.info({ chore: name }, 'chore works again');
        failing = false;
      } catch (error) {
        if (!failing) log.warn({ chore: name, err: error }, 'chore failed and is tried again');
        failing = true;
      }
      await delay(everyMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }
}
