/**
 * Collects the items of one event-loop turn and sends them as one call (at most `most` at a time).
 * No timer: under load turns are long and batches large, when idle an item waits for nothing.
 */
export class Batcher<Item, Result> {
  readonly #send: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly #most: number;
  #items: Item[] = [];
  #waiters: PromiseWithResolvers<Result>[] = [];

  constructor(send: (items: readonly Item[]) => Promise<readonly Result[]>, most = 200) {
    this.#send = send;
    this.#most = most;
  }

  /** Resolves to this item's result; rejects when the whole call failed (its outcome is then unknown). */
  add(item: Item): Promise<Result> {
    const waiter = Promise.withResolvers<Result>();
    this.#items.push(item);
    this.#waiters.push(waiter);
    if (this.#items.length === 1) setImmediate(() => this.#flush());
    else if (this.#items.length >= this.#most) this.#flush();
    return waiter.promise;
  }

  #flush(): void {
    const items = this.#items;
    const waiters = this.#waiters;
    if (items.length === 0) return;
    this.#items = [];
    this.#waiters = [];
    this.#send(items).then(
      (results) => {
        waiters.forEach((waiter, i) => {
          const result = results[i];
          if (result === undefined) waiter.reject(new Error('a batch was answered short'));
          else waiter.resolve(result);
        });
      },
      (error: unknown) => {
        for (const waiter of waiters) waiter.reject(error);
      },
    );
  }
}
