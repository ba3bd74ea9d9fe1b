import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@ropeline/core/errors.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import type { Script, ScriptArg } from '@ropeline/core/redis/script.ts';
import { newOrderId } from '@ropeline/core/stock/order-id.ts';
import { bindEntry, changeCapacity, type Reply } from '@ropeline/core/stock/scripts.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import {
  partitionOfEntry,
  partitionOfOffer,
  releasedChannel,
  type StockKeys,
} from '@ropeline/core/stock/stock-keys.ts';
import { free, type StockCounts, type StockSource } from '../offers/stock-counts.ts';
import { refreshStock } from './refresh-stock.ts';
import { type ReserveAnswer, reserveAnswer } from './reserve-answer.ts';
import { ReserveBatcher, type ReserveItem } from './reserve-batcher.ts';
import type { StockGate } from './stock-gate.ts';
import { isSoldOut, StockMemory } from './stock-memory.ts';

export type ReserveRequest = Omit<ReserveItem, 'orderId'>;

export type CapacityChange =
  | { readonly kind: 'changed'; readonly stock: StockCounts }
  /** Below what is held and sold: nothing changed. */
  | { readonly kind: 'too-low'; readonly stock: StockCounts }
  | { readonly kind: 'unknown-offer' };

type Options = {
  readonly gate: StockGate;
  /** A connection of its own, for the channel of releases. */
  readonly subscriber: Redis;
  /** Offers whose stock is kept in memory. */
  readonly offerIds: () => readonly number[];
  readonly log: Logger;
};

const watchMs = 500;
const entryKeepMs = 86_400_000;

/**
 * The units of offers, decided by Redis.
 *
 * Guarantees: `held + sold <= capacity` at every instant; a reserve takes all its units or none; what was taken is in
 * the outbox. Every call has a deadline; when it passes or the connection is lost the outcome is unknown and is
 * settled by reading the order, else 503 `unavailable`: asking again with the same idempotency key is safe. While
 * the stock is shut (emptied, not durable) every call throws 503 `not-ready`.
 */
export class Inventory implements StockSource {
  readonly #options: Options;
  readonly #memory = new StockMemory();
  readonly #batcher: ReserveBatcher;
  readonly #stopped = new AbortController();
  readonly #refreshing = new Set<number>();

  constructor(options: Options) {
    this.#options = options;
    this.#batcher = new ReserveBatcher((script, partition, keys, args) =>
      this.run(script, partition, keys, args),
    );
  }

  /** Begins to watch the stock of all offers. */
  async start(): Promise<void> {
    const { subscriber } = this.#options;
    subscriber.on('message', (_channel: string, message: string) => this.#heardOfRelease(message));
    await subscriber.subscribe(releasedChannel);
    void this.#watch();
  }

  stop(): void {
    this.#stopped.abort();
  }

  get partitions(): number {
    return this.#options.gate.stock.partitions;
  }

  readonly read = (offerId: number): StockCounts | undefined => this.#memory.read(offerId);
  readonly onChange = (listener: (offerId: number) => void): (() => void) => this.#memory.onChange(listener);

  /** The stock while "sold out" stands for this member without asking Redis; never for one who has ordered before. */
  soldOutTo(offerId: number, memberId: string): StockCounts | undefined {
    return this.#memory.soldOutTo(offerId, memberId);
  }

  async reserve(request: ReserveRequest): Promise<ReserveAnswer> {
    const { offerId } = request;
    const remembered = this.soldOutTo(offerId, request.memberId);
    if (remembered !== undefined) return { kind: 'sold-out', available: free(remembered) };
    const partition = partitionOfOffer(offerId, this.partitions);
    const item: ReserveItem = { ...request, orderId: newOrderId(partition) };
    try {
      const reply = await this.#batcher.reserve(partition, item);
      const answer = reserveAnswer(item, reply);
      const { capacity, held, sold } = reply;
      if (capacity > 0) this.#memory.learn(offerId, { capacity, held, sold });
      if (answer.kind === 'sold-out' && isSoldOut(reply)) this.#refreshSoon(offerId);
      return answer;
    } catch (error) {
      if (error instanceof AppError) throw error;
      return this.#settle(item, partition, error);
    }
  }

  /** Who holds the entry: the first who used it. `expiresAt` of the token, Unix ms. */
  readonly bindEntry = async (jti: string, holder: string, expiresAt: number): Promise<string> => {
    const partition = partitionOfEntry(jti, this.partitions);
    // A session can be renewed under the same jti: known for a day after the token's end.
    const keepMs = Math.max(0, expiresAt - Date.now()) + entryKeepMs;
    const reply = await this.run(bindEntry, partition, ({ epoch, entry }) => [epoch, entry(jti)], [
      holder,
      keepMs,
    ]);
    return String(reply[1]);
  };

  async changeCapacity(offerId: number, capacity: number): Promise<CapacityChange> {
    const [code, ...counts] = await this.run(
      changeCapacity,
      partitionOfOffer(offerId, this.partitions),
      ({ epoch, offer }) => [epoch, offer(offerId)],
      [offerId, capacity, releasedChannel],
    );
    if (code === 5) return { kind: 'unknown-offer' };
    if (code === 3) throw new AppError('bad-request', { detail: 'The capacity is not a whole number' });
    const [now = 0, held = 0, sold = 0] = counts.map(Number);
    const stock = { capacity: now, held, sold };
    this.#memory.learn(offerId, stock);
    return code === 1 ? { kind: 'changed', stock } : { kind: 'too-low', stock };
  }

  /** Runs a script on a partition; shuts the stock when it turns out to be another one. */
  async run(
    script: Script<Reply>,
    partition: number,
    keys: (keys: StockKeys) => readonly string[],
    args: readonly ScriptArg[] = [],
  ): Promise<Reply> {
    const { stock } = this.#options.gate;
    try {
      return await stock.call(script, keys(stock.keysOf(partition)), args);
    } catch (error) {
      if (error instanceof AppError && error.code === 'not-ready') this.#options.gate.shut('another epoch');
      throw error;
    }
  }

  get stock(): StockClient {
    return this.#options.gate.stock;
  }

  async #settle(item: ReserveItem, partition: number, cause: unknown): Promise<ReserveAnswer> {
    const exists = await this.stock.redis
      .exists(this.stock.keysOf(partition).order(item.orderId))
      .catch(() => 0);
    if (exists === 1) return { kind: 'same', orderId: item.orderId };
    throw new AppError('unavailable', { cause, retryAfterSeconds: 1 });
  }

  #heardOfRelease(message: string): void {
    const [offerId = Number.NaN, capacity = 0, held = 0, sold = 0] = message.split(' ').map(Number);
    if (Number.isInteger(offerId)) this.#memory.released(offerId, { capacity, held, sold });
  }

  #refreshSoon(offerId: number): void {
    if (this.#refreshing.has(offerId)) return;
    this.#refreshing.add(offerId);
    void this.#refresh([offerId]).finally(() => this.#refreshing.delete(offerId));
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#refresh(this.#options.offerIds());
      await delay(watchMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** Failure is told by the calls that matter; the memory only grows old. */
  async #refresh(offerIds: readonly number[]): Promise<void> {
    try {
      if (offerIds.length > 0) await refreshStock(this.stock, this.#memory, offerIds);
    } catch (error) {
      this.#options.log.debug({ err: error }, 'stock cannot be read');
    }
  }
}
