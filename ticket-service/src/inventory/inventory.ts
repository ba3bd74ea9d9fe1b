import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@ropeline/core/errors.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import type { Script, ScriptArg } from '@ropeline/core/redis/script.ts';
import { newOrderId } from '@ropeline/core/stock/order-id.ts';
import { bindEntry, type Reply } from '@ropeline/core/stock/scripts.ts';
import { homeOf, type Sharded } from '@ropeline/core/stock/shards.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { partitionOfEntry, releasedChannel, type StockKeys } from '@ropeline/core/stock/stock-keys.ts';
import { free, type StockCounts, type StockSource } from '../offers/stock-counts.ts';
import { type CapacityChange, changeOfferCapacity } from './change-capacity.ts';
import { collectUnits } from './collect-units.ts';
import { refreshStock } from './refresh-stock.ts';
import type { Replicas } from './replicas.ts';
import { type ReserveAnswer, reserveAnswer } from './reserve-answer.ts';
import { ReserveBatcher, type ReserveItem } from './reserve-batcher.ts';
import type { StockGate } from './stock-gate.ts';
import { isSoldOut, StockMemory } from './stock-memory.ts';

export type ReserveRequest = Omit<ReserveItem, 'orderId' | 'offerId'> & { readonly offer: Sharded };

type Options = {
  readonly gate: StockGate;
  /** A connection of its own, for the channel of releases. */
  readonly subscriber: Redis;
  /** Offers whose stock is kept in memory: those on sale. */
  readonly offers: () => readonly Sharded[];
  /** Must have an order before it is answered; undefined: there are none. */
  readonly replicas?: Replicas | undefined;
  /** Entries in a partition's outbox from which nothing more is sold. */
  readonly outboxLimit?: number;
  readonly log: Logger;
};

const watchMs = 500;
/** Fetching units for one order: others may take them first, but not for ever. */
const mostSweeps = 5;
const entryKeepMs = 86_400_000;
const defaultOutboxLimit = 200_000;

/**
 * The units of offers, decided by Redis.
 *
 * Guarantees: `held + sold <= capacity` at every instant; a reserve takes all its units or none; what was taken is in
 * the outbox. Every call has a deadline; when it passes or the connection is lost the outcome is unknown and is
 * settled by reading the order, else 503 `unavailable`: asking again with the same idempotency key is safe. The same
 * where replicas are asked for and do not confirm the order: it is held, and told when it is asked for again. While
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
    this.#batcher = new ReserveBatcher(
      (script, partition, keys, args) => this.run(script, partition, keys, args),
      options.outboxLimit ?? defaultOutboxLimit,
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

  /** Whether Redis may have let an idempotency key go: the member ordered of the offer, and the key is not there. */
  async mayHaveForgotten(offer: Sharded, memberId: string, key: string): Promise<boolean> {
    const { members, idempotency } = this.stock.keysOf(homeOf(offer, memberId, this.partitions));
    const [ordered, known] = await Promise.all([
      this.stock.redis.hexists(members(offer.id), memberId),
      this.stock.redis.exists(idempotency(offer.id, memberId, key)),
    ]);
    return ordered === 1 && known === 0;
  }

  async reserve(request: ReserveRequest): Promise<ReserveAnswer> {
    const mark = this.#options.replicas?.mark() ?? 0;
    const answer = await this.#reserve(request);
    if (answer.kind === 'taken' || answer.kind === 'same') await this.#replicated(mark);
    return answer;
  }

  async #reserve({ offer, ...wish }: ReserveRequest): Promise<ReserveAnswer> {
    const remembered = this.soldOutTo(offer.id, wish.memberId);
    if (remembered !== undefined) return { kind: 'sold-out', available: free(remembered) };
    const home = homeOf(offer, wish.memberId, this.partitions);
    const item: ReserveItem = { ...wish, offerId: offer.id, orderId: newOrderId(home) };
    const answer = await this.#reserveAt(home, offer, item);
    if (offer.shards === 1 || (answer.kind !== 'sold-out' && answer.kind !== 'all-held')) return answer;
    return this.#reserveWithOthers(home, offer, item);
  }

  async #reserveAt(partition: number, offer: Sharded, item: ReserveItem): Promise<ReserveAnswer> {
    try {
      const reply = await this.#batcher.reserve(partition, item);
      const answer = reserveAnswer(item, reply);
      const { capacity, held, sold } = reply;
      // One shard says nothing of the whole.
      if (capacity > 0 && offer.shards === 1) this.#memory.learn(offer.id, { capacity, held, sold });
      if (answer.kind === 'sold-out' && isSoldOut(reply)) this.#refreshSoon(offer);
      return answer;
    } catch (error) {
      if (error instanceof AppError) throw error;
      return this.#settle(item, partition, error);
    }
  }

  /** The member's shard lacks units: those of the others are fetched, and only where all of them lack is it told. */
  async #reserveWithOthers(home: number, offer: Sharded, item: ReserveItem): Promise<ReserveAnswer> {
    for (let sweep = 1; ; sweep += 1) {
      const collected = await this.#inStock((stock) => collectUnits(stock, offer, home, item.quantity));
      if (collected === undefined) return { kind: 'unknown-offer' };
      const { counts, arrived } = collected;
      const answer = arrived ? await this.#reserveAt(home, offer, item) : undefined;
      if (answer !== undefined && answer.kind !== 'sold-out' && answer.kind !== 'all-held') return answer;
      // Somebody else was quicker: once more, unless nothing is left to fetch.
      if (arrived && sweep < mostSweeps) continue;
      const available = free(counts);
      const comesBack = counts.held > 0 && (available === 0 || item.quantity <= available + counts.held);
      return { kind: comesBack ? 'all-held' : 'sold-out', available };
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

  async changeCapacity(offer: Sharded, capacity: number): Promise<CapacityChange> {
    const change = await this.#inStock((stock) => changeOfferCapacity(stock, offer, capacity));
    if (change.kind !== 'unknown-offer') this.#memory.learn(offer.id, change.stock);
    return change;
  }

  /** Runs a script on a partition. */
  run(
    script: Script<Reply>,
    partition: number,
    keys: (keys: StockKeys) => readonly string[],
    args: readonly ScriptArg[] = [],
  ): Promise<Reply> {
    return this.#inStock((stock) => stock.call(script, keys(stock.keysOf(partition)), args));
  }

  /** The same for what must not be forgotten by a fail-over: replicas have it too, else it throws 503. */
  async runReplicated(...call: Parameters<Inventory['run']>): Promise<Reply> {
    const mark = this.#options.replicas?.mark() ?? 0;
    const reply = await this.run(...call);
    await this.#replicated(mark);
    return reply;
  }

  async #replicated(mark: number): Promise<void> {
    const { replicas, gate } = this.#options;
    try {
      await replicas?.confirm(mark);
    } catch (error) {
      gate.shut('replicas do not confirm what is written');
      throw error;
    }
  }

  get stock(): StockClient {
    return this.#options.gate.stock;
  }

  /** Shuts the stock when it turns out to be another one. */
  async #inStock<T>(work: (stock: StockClient) => Promise<T>): Promise<T> {
    const { stock } = this.#options.gate;
    try {
      return await work(stock);
    } catch (error) {
      if (error instanceof AppError && error.code === 'not-ready') this.#options.gate.shut('another epoch');
      throw error;
    }
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
    const offer = this.#options.offers().find(({ id }) => id === offerId);
    if (offer === undefined || offer.shards === 1) {
      if (Number.isInteger(offerId)) this.#memory.released(offerId, { capacity, held, sold });
      return;
    }
    this.#memory.released(offerId);
    this.#refreshSoon(offer);
  }

  #refreshSoon(offer: Sharded): void {
    if (this.#refreshing.has(offer.id)) return;
    this.#refreshing.add(offer.id);
    void this.#refresh([offer]).finally(() => this.#refreshing.delete(offer.id));
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#refresh(this.#options.offers());
      await delay(watchMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /**
   * Failure is told by the calls that matter; the memory only grows old. An emptied Redis is noticed here also when
   * nobody buys: payments under way wait for it to be built anew.
   */
  async #refresh(offers: readonly Sharded[]): Promise<void> {
    try {
      await this.#inStock((stock) => refreshStock(stock, this.#memory, offers));
    } catch (error) {
      this.#options.log.debug({ err: error }, 'stock cannot be read');
    }
  }
}
