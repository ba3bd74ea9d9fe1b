type Waiting<Item, Result> = {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
};

/** Calls under way at once: one travels while the other is worked on. More would only make batches smaller. */
const mostCalls = 2;

/**
 * Collects the items of one event-loop turn, or of the time in which two calls are under way already, and sends them
 * as one call. No timer: when idle an item waits for nothing, under load batches grow to what Redis is best at.
 */
export class Batcher<Item, Result> {
  readonly #send: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly #most: number;
  #waiting: Waiting<Item, Result>[] = [];
  #calls = 0;
  #scheduled = false;

  constructor(send: (items: readonly Item[]) => Promise<readonly Result[]>, most = 250) {
    this.#send = send;
    this.#most = most;
  }

  /**
   * Resolves to this item's result. Rejects when its call failed (the outcome is then unknown), or one before it
   * (then it was not sent).
   */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#scheduled || this.#calls >= mostCalls) return;
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#flush();
      });
    });
  }

  #flush(): void {
    while (this.#calls < mostCalls && this.#waiting.length > 0)
      this.#call(this.#waiting.splice(0, this.#most));
  }

  #call(batch: readonly Waiting<Item, Result>[]): void {
    this.#calls += 1;
    this.#send(batch.map(({ item }) => item)).then(
      (results) => {
        this.#calls -= 1;
        for (const [i, waiting] of batch.entries()) {
          const result = results[i];
          if (result === undefined) waiting.reject(new Error('a batch was answered short'));
          else waiting.resolve(result);
        }
        this.#flush();
      },
      (error: unknown) => {
        this.#calls -= 1;
        // What waits behind a failed call would fail as slowly, one deadline after another.
        const behind = this.#waiting;
        this.#waiting = [];
        for (const { reject } of [...batch, ...behind]) reject(error);
      },
    );
  }
}
