import { lastWords, type Program } from './program.ts';
import { Refusal } from './refusal.ts';
import { Supervised } from './supervised.ts';
import type { Wake } from './wake.ts';

export type FleetOptions = {
  readonly say: (line: string) => void;
  readonly wake: Wake;
  /** A program died five times in a minute. */
  readonly onFailure: (message: string) => void;
};

/** Until when, after the beginning of the stop, each rank may take: 8 s in all are promised. */
export const stopDeadlinesMs = [3_000, 4_300, 5_300, 5_800, 7_300];

/**
 * All programs of the installation with the order in which they stop: by rank, 0 first (who takes requests), the
 * last rank last (who keeps the data). Programs of a rank stop together.
 */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #members: { readonly rank: number; readonly supervised: Supervised }[] = [];
  #stopping: Promise<void> | undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Starts a program and resolves when it is ready; from then on it is kept running. */
  async start(program: Program, rank: number): Promise<void> {
    if (this.#stopping !== undefined) throw new Refusal('stopped');
    const { say, wake, onFailure } = this.#options;
    const supervised = new Supervised(program, {
      died: ({ name, logFile }, how, restartMs) =>
        say(`! ${name} died (${how}), starting it again in ${restartMs} ms; its log: ${logFile}`),
      back: ({ name }, afterMs) => say(`  ${name} is back after ${afterMs} ms`),
      failed: (failed, how) =>
        onFailure(
          `! ${failed.name} died five times within a minute (${how}): stopping everything.\n` +
            `  Its last words (${failed.logFile}):\n${lastWords(failed).replaceAll(/^/gm, '    ')}`,
        ),
      process: ({ name, stopSignal }, pid) => wake.watch({ name, rank, stopSignal, pid }),
    });
    this.#members.push({ rank, supervised });
    await supervised.start();
  }

  /** Stops all in order, once. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  kill(): void {
    for (const { supervised } of this.#members) supervised.kill();
  }

  async #stop(): Promise<void> {
    const started = performance.now();
    // Nothing may be restarted while its neighbours stop, so all are told first, in the order of their ranks.
    for (const [rank, deadlineMs] of stopDeadlinesMs.entries()) {
      const left = (): number => deadlineMs - (performance.now() - started);
      const group = this.#members.filter((member) => member.rank === rank);
      await Promise.all(group.map(({ supervised }) => supervised.stop(left())));
    }
  }
}
