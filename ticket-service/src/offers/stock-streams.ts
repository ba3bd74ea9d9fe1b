import type { ServerResponse } from 'node:http';
import { AppError } from '@ropeline/core/errors.ts';
import { free, type StockCounts, type StockSource } from './stock-counts.ts';

const pauseMs = 250;
/** Comments that keep proxies from closing a silent stream. */
const heartbeatMs = 15_000;
const maxStreams = 2_000;

/** What clients see of a stock; always adds up. */
export type StockAnswer = StockCounts & { readonly available: number };

export function stockAnswer(stock: StockSource, offerId: number): StockAnswer {
  const counts = stock.read(offerId);
  if (counts === undefined) throw new AppError('not-ready', { retryAfterSeconds: 1 });
  const { capacity, held, sold } = counts;
  return { capacity, held, sold, available: free(counts) };
}

/**
 * Server-sent events of the stock, from memory: a change is written once per offer and pause, however many watch.
 * A reader who does not read misses events, never makes us hold them.
 */
export class StockStreams {
  readonly #stock: StockSource;
  readonly #watchers = new Map<number, Set<ServerResponse>>();
  readonly #changed = new Set<number>();
  readonly #ignore: () => void;
  readonly #heartbeat: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  #count = 0;

  constructor(stock: StockSource) {
    this.#stock = stock;
    this.#ignore = stock.onChange((offerId) => this.#note(offerId));
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs).unref();
  }

  get open(): number {
    return this.#count;
  }

  /** Takes over a response: writes the stock now and whenever it changes. Throws 503 when too many watch. */
  add(offerId: number, response: ServerResponse): void {
    if (this.#count >= maxStreams) throw new AppError('unavailable', { retryAfterSeconds: 5 });
    const first = event(stockAnswer(this.#stock, offerId));
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

  close(): void {
    this.#ignore();
    clearInterval(this.#heartbeat);
    clearTimeout(this.#timer);
    for (const watchers of this.#watchers.values()) for (const response of watchers) response.end();
  }

  #note(offerId: number): void {
    if (!this.#watchers.get(offerId)?.size) return;
    this.#changed.add(offerId);
    this.#timer ??= setTimeout(() => this.#flush(), pauseMs).unref();
  }

  #flush(): void {
    this.#timer = undefined;
    for (const offerId of this.#changed) {
      if (this.#stock.read(offerId) !== undefined) {
        this.#write(this.#watchers.get(offerId), event(stockAnswer(this.#stock, offerId)));
      }
    }
    this.#changed.clear();
  }

  #beat(): void {
    for (const watchers of this.#watchers.values()) this.#write(watchers, ': still here\n\n');
  }

  #write(watchers: ReadonlySet<ServerResponse> | undefined, text: string): void {
    for (const response of watchers ?? []) if (!response.writableNeedDrain) response.write(text);
  }
}

function event(answer: StockAnswer): string {
  return `event: stock\ndata: ${JSON.stringify(answer)}\n\n`;
}
