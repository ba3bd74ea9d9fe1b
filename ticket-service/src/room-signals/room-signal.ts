import type { Logger } from '@ropeline/core/log.ts';
import { free, type StockCounts } from '../offers/stock-counts.ts';

/** Delivers one signal or throws; has a deadline of its own. */
export type SendSignal = (room: string, stock: StockCounts) => Promise<void>;

type Parts = {
  readonly room: string;
  /** The room's stock now; undefined while it is not known. */
  readonly read: () => StockCounts | undefined;
  readonly send: SendSignal;
  readonly log: Logger;
};

/** At least once a second while the stock changes, with room for the sending itself. */
const pauseMs = 500;
const maxRetryMs = 5_000;

/**
 * One room's signal. States: *quiet* (what was sent last is true), *due* (a timer runs: there is something to
 * say, or a failed signal to repeat), *sending* (one at a time; changes meanwhile make it due again).
 *
 * It is sent at once when free units come or go, else after a pause. Every signal carries the stock as it is when
 * it leaves, so the last one sent is always the newest, and a failed one is repeated with newer numbers.
 */
export class RoomSignal {
  readonly #parts: Parts;
  #told: StockCounts | undefined;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #failures = 0;
  #stopped = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The stock has changed. */
  changed(): void {
    if (this.#sending !== undefined || this.#failures > 0) return;
    if (this.#urgent()) this.#flush();
    else this.#due(pauseMs);
  }

  /** The stock may have changed. */
  check(): void {
    if (!same(this.#parts.read(), this.#told)) this.changed();
  }

  /** Says it again, changed or not. */
  repeat(): void {
    if (this.#sending === undefined && this.#failures === 0) this.#flush();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#sending;
  }

  /** Free units have come or gone since the room was told. */
  #urgent(): boolean {
    const now = this.#parts.read();
    if (now === undefined || this.#told === undefined) return now !== undefined;
    return free(now) > 0 !== free(this.#told) > 0;
  }

  #due(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer ??= setTimeout(() => this.#flush(), delayMs).unref();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const stock = this.#parts.read();
    if (this.#stopped || this.#sending !== undefined) return;
    if (stock === undefined) {
      // Nothing true to say: the next change says it, and does not wait for a retry.
      this.#failures = 0;
      return;
    }
    this.#sending = this.#deliver(stock).finally(() => {
      this.#sending = undefined;
      this.#after();
    });
  }

  async #deliver(stock: StockCounts): Promise<void> {
    const { room, send, log } = this.#parts;
    try {
      await send(room, stock);
      if (this.#failures > 0)
        log.info({ room, failures: this.#failures }, 'the room is told its stock again');
      this.#told = stock;
      this.#failures = 0;
    } catch (error) {
      if (this.#failures === 0) {
        log.warn({ room, err: { message: (error as Error).message } }, 'the room cannot be told its stock');
      }
      this.#failures += 1;
    }
  }

  #after(): void {
    if (this.#failures > 0) this.#due(Math.min(100 * 2 ** this.#failures, maxRetryMs));
    else if (this.#urgent()) this.#flush();
    else if (!same(this.#parts.read(), this.#told)) this.#due(pauseMs);
  }
}

function same(a: StockCounts | undefined, b: StockCounts | undefined): boolean {
  return a?.capacity === b?.capacity && a?.held === b?.held && a?.sold === b?.sold;
}
