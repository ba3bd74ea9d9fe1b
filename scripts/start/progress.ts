const waitMs = 4_000;

/** Prints what is going on: one line when a step ends, and one every few seconds while it lasts. */
export class Progress {
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void = (line) => void process.stdout.write(`${line}\n`)) {
    this.#write = write;
  }

  line(text = ''): void {
    this.#write(text);
  }

  /** Runs a step; `work` returns what to say of its result. */
  async step(title: string, work: () => Promise<string | undefined>): Promise<void> {
    const started = performance.now();
    const seconds = (): string => `${((performance.now() - started) / 1_000).toFixed(1)} s`;
    const timer = setInterval(() => this.#write(`  ... ${title}: ${seconds()} so far`), waitMs);
    try {
      const result = await work();
      this.#write(`  ${title}${result === undefined ? '' : `: ${result}`} (${seconds()})`);
    } finally {
      clearInterval(timer);
    }
  }
}
