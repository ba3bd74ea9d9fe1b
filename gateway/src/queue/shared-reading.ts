/**
 * Readings of one thing on behalf of many callers: never two at a time, and what a caller gets is never of a reading
 * that had begun before: what changed since then it may have missed.
 */
export class SharedReading<T> {
  readonly #read: () => Promise<T>;
  #present: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  ask(): Promise<T> {
    if (this.#present === undefined) return this.#start();
    this.#next ??= this.#present
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  #start(): Promise<T> {
    this.#present = this.#read().finally(() => {
      this.#present = undefined;
    });
    return this.#present;
  }
}
