export type Job = {
  run(): void;
  /** It waited too long, or too many wait already. */
  refuse(): void;
};

type Limits = { readonly running: number; readonly waiting: number; readonly waitMs: number };

/**
 * Bounds what an upstream is asked at once: so many jobs run, so many more wait in order, each at most `waitMs`;
 * everything beyond is refused at once. Every job that ran calls `free` once; one that waits can be dropped.
 */
export class Slots {
  readonly #limits: Limits;
  /** In order of arrival, with the time until which they wait. */
  readonly #waiting = new Map<Job, number>();
  #running = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  take(job: Job): void {
    if (this.#running < this.#limits.running) {
      this.#running += 1;
      job.run();
    } else if (this.#waiting.size < this.#limits.waiting) {
      this.#waiting.set(job, performance.now() + this.#limits.waitMs);
      this.#watch();
    } else {
      job.refuse();
    }
  }

  drop(job: Job): void {
    this.#waiting.delete(job);
  }

  free(): void {
    this.#running -= 1;
    const [next] = this.#waiting.keys();
    if (next === undefined) return;
    this.#waiting.delete(next);
    this.#running += 1;
    next.run();
  }

  /** Refuses everybody who waits. */
  close(): void {
    clearTimeout(this.#timer);
    for (const job of [...this.#waiting.keys()]) {
      this.#waiting.delete(job);
      job.refuse();
    }
  }

  /** One timer, for the one who waits longest. */
  #watch(): void {
    const [first] = this.#waiting.values();
    if (this.#timer !== undefined || first === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#refuseLate();
        this.#watch();
      },
      Math.max(1, first - performance.now()),
    ).unref();
  }

  #refuseLate(): void {
    const now = performance.now();
    for (const [job, until] of this.#waiting) {
      if (until > now) return;
      this.#waiting.delete(job);
      job.refuse();
    }
  }
}
