import { AppError } from '@ropeline/core/errors.ts';

type Waiting = { readonly start: () => void; readonly giveUp: NodeJS.Timeout };

type Limits = {
  /** Tasks that run at once. */
  readonly parallelism: number;
  /** Tasks that may wait for a place. */
  readonly maxWaiting: number;
  /** How long one may wait. */
  readonly maxWaitMs: number;
};

/**
 * Bounds work that costs a core: a few run, some wait a short while, everybody else is told at once to come back.
 * So a crowd gets answers at the rate the machine bears, and no answer is late. First come, first served.
 */
export class WorkQueue {
  readonly #limits: Limits;
  readonly #waiting = new Set<Waiting>();
  #running = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Runs the task when it is its turn. Throws 503 `busy` when the queue is full or the wait too long. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running < this.#limits.parallelism) this.#running += 1;
    else await this.#turn();
    try {
      return await task();
    } finally {
      this.#next();
    }
  }

  /** A finished task hands its place to the first who waits. */
  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#running -= 1;
      return;
    }
    this.#waiting.delete(first);
    clearTimeout(first.giveUp);
    first.start();
  }

  #turn(): Promise<void> {
    const { maxWaiting, maxWaitMs } = this.#limits;
    if (this.#waiting.size >= maxWaiting) return Promise.reject(busy());
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        start: resolve,
        giveUp: setTimeout(() => {
          this.#waiting.delete(waiting);
          reject(busy());
        }, maxWaitMs),
      };
      this.#waiting.add(waiting);
    });
  }
}

/** 1 to 3 s, drawn: who is refused together should not come back together. */
function busy(): AppError {
  return new AppError('busy', { retryAfterSeconds: 1 + Math.floor(Math.random() * 3) });
}
