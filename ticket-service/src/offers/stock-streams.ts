import type { ServerResponse } from 'node:http';
import { AppError } from '@ropeline/core/errors.ts';
import { free, type StockCounts, type StockSource } from './stock-counts.ts';

const defaultPauseMs = 250;
/** Comments that keep proxies from closing a silent stream. */
const heartbeatMs = 15_000;

/** What clients see of a stock; always adds up. */
export type StockAnswer = StockCounts & { readonly available: number };

export function stockAnswer(stock: StockSource, offerId: number): StockAnswer {
  const counts = stock.read(offerId);
  if (counts === undefined) throw new AppError('not-ready', { retryAfterSeconds: 1 });
  const { capacity, held, sold } = counts;
  return { capacity, held, sold, available: free(counts) };
}

type Options = {
  readonly stock: StockSource;
  /** Most that watch at once. */
  readonly most: number;
  readonly pauseMs?: number;
};

/**
 * Server-sent events of the stock, from memory: a change is written once per offer and pause, however many watch.
 * A reader who does not read misses events, never makes us hold more than one stream's buffer for them.
 */
export class StockStreams {
  readonly #options: Options;
  readonly #watchers = new Map<number, Set<ServerResponse>>();
  readonly #changed = new Set<number>();
  readonly #ignore: () => void;
  readonly #heartbeat: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  #count = 0;

  constructor(options: Options) {
    this.#options = options;
    this.#ignore = options.stock.onChange((offerId) => this.#note(offerId));
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs).unref();
  }

  get open(): number {
    return this.#count;
  }

  /** What was written and not yet taken by the watchers' connections. */
  get unreadBytes(): number {
    return this.#all().reduce((sum, { writableLength }) => sum + writableLength, 0);
  }

  /** Takes over a response: writes the stock now and whenever it changes. Throws 503 when too many watch. */
  add(offerId: number, response: ServerResponse): void {
    if (this.#count >= this.#options.most) throw new AppError('unavailable', { retryAfterSeconds: 5 });
    const first = this.#event(offerId);
    const watchers = this.#watchers.get(offerId) ?? new Set();
    this.#watchers.set(offerId, watchers.add(response));
    this.#count += 1;
    response.once('close', () => {
      watchers.delete(response);
      this.#count -= 1;
    });
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write(first);
  }

  /** Ends the streams of offers that are not on sale any more: a client that comes back is told so. */
  endAllBut(isOnSale: (offerId: number) => boolean): void {
    for (const [offerId, watchers] of this.#watchers)
      if (!isOnSale(offerId)) for (const response of watchers) response.end();
  }

  close(): void {
    this.#ignore();
    clearInterval(this.#heartbeat);
    clearTimeout(this.#timer);
    for (const response of this.#all()) response.end();
  }

  #all(): readonly ServerResponse[] {
    return [...this.#watchers.values()].flatMap((watchers) => [...watchers]);
  }

  #note(offerId: number): void {
    if (!this.#watchers.get(offerId)?.size) return;
    this.#changed.add(offerId);
    this.#timer ??= setTimeout(() => this.#flush(), this.#options.pauseMs ?? defaultPauseMs).unref();
  }

  #flush(): void {
    this.#timer = undefined;
    for (const offerId of this.#changed) {
      if (this.#options.stock.read(offerId) !== undefined) this.#write(offerId, this.#event(offerId));
    }
    this.#changed.clear();
  }

  #beat(): void {
    for (const offerId of this.#watchers.keys()) this.#write(offerId, ': still here\n\n');
  }

  #write(offerId: number, text: string): void {
    for (const response of this.#watchers.get(offerId) ?? [])
      if (!response.writableNeedDrain) response.write(text);
  }

  #event(offerId: number): string {
    return `event: stock\ndata: ${JSON.stringify(stockAnswer(this.#options.stock, offerId))}\n\n`;
  }
}
