/** A piece of work that takes some tens of microseconds: one socket's messages. */
export type Piece = { run(urgency: Urgency): void };

/** In this order: turns given and other changes of a visitor, then the room's state, then mere numbers. */
export const urgencies = ['turns', 'state', 'numbers'] as const;
export type Urgency = (typeof urgencies)[number];

/** What a turn of the event loop may spend here; the rest of its 25 ms belongs to whoever else works in it. */
const budgetMs = 8;

type Options = {
  readonly onError: (error: unknown) => void;
  /** Unlike the default only in tests: ms, and what runs something in the next turn. */
  readonly clock?: () => number;
  readonly nextTurn?: (run: () => void) => void;
};

/**
 * Work of many small pieces, done a few milliseconds a turn, so that neither a pause told to 15,000 sockets nor 500
 * turns given at once keep everybody else waiting. One a process, for the loop is one. What is more urgent goes first;
 * of equal urgency first come, first served. A piece added is run in a later turn, once per time it was added.
 */
export class PacedWork {
  readonly #waiting: readonly Line[] = urgencies.map(() => new Line());
  readonly #onError: (error: unknown) => void;
  readonly #clock: () => number;
  readonly #nextTurn: (run: () => void) => void;
  #scheduled = false;
  #whenDone: (() => void)[] = [];

  constructor({ onError, clock = () => performance.now(), nextTurn = setImmediate }: Options) {
    this.#onError = onError;
    this.#clock = clock;
    this.#nextTurn = nextTurn;
  }

  add(piece: Piece, urgency: Urgency): void {
    this.#waiting[urgencies.indexOf(urgency)]?.push(piece);
    this.#schedule();
  }

  /** Resolves when nothing is left to do. */
  done(): Promise<void> {
    if (!this.#scheduled) return Promise.resolve();
    return new Promise((resolve) => this.#whenDone.push(resolve));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#nextTurn(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    const end = this.#clock() + budgetMs;
    while (this.#runOne()) if (this.#clock() >= end) break;
    if (this.#waiting.some((line) => !line.isEmpty)) {
      this.#schedule();
      return;
    }
    const told = this.#whenDone;
    this.#whenDone = [];
    for (const tell of told) tell();
  }

  #runOne(): boolean {
    const at = this.#waiting.findIndex((line) => !line.isEmpty);
    const urgency = urgencies[at];
    if (urgency === undefined) return false;
    try {
      this.#waiting[at]?.shift()?.run(urgency);
    } catch (error) {
      this.#onError(error);
    }
    return true;
  }
}

/** First in, first out; an array's own `shift` moves all that is behind. */
class Line {
  #pieces: Piece[] = [];
  #first = 0;

  get isEmpty(): boolean {
    return this.#first === this.#pieces.length;
  }

  push(piece: Piece): void {
    this.#pieces.push(piece);
  }

  shift(): Piece | undefined {
    const piece = this.#pieces[this.#first++];
    // What was taken is let go of when it is as much as what is left: a line that never empties must not grow.
    if (this.#first * 2 >= this.#pieces.length) {
      this.#pieces = this.#pieces.slice(this.#first);
      this.#first = 0;
    }
    return piece;
  }
}
