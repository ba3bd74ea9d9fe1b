import type { Logger } from '@ropeline/core/log.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import { type Repeated, repeat } from '@ropeline/core/repeat.ts';
import { expireDue, forgetPersisted } from '@ropeline/core/stock/holds.ts';
import { partitionOfOrder } from '@ropeline/core/stock/order-id.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';
import { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { finishTransfers } from '@ropeline/core/stock/transfers.ts';
import type { WorkersMetrics } from './metrics.ts';
import { type PartitionPipeline, startPartition } from './outbox/partition-pipeline.ts';
import { isOver } from './outbox/persist-chunk.ts';

type Options = {
  readonly redis: Redis;
  readonly jobsRedis: Redis;
  readonly pool: Pool;
  readonly chunkEntries: number;
  readonly metrics: WorkersMetrics;
  readonly log: Logger;
};

/** How late a hold may expire. */
const expireEveryMs = 250;
const mostExpired = 200;
/** A service that moves units takes some milliseconds: what is older was given up. */
const transferGivenUpMs = 5_000;

/**
 * All work on the stock: a pipeline per partition and the expiry of holds. It begins when the ticket service has
 * opened the stock, which may be before or after the workers start.
 */
export class StockWork {
  readonly #options: Options;
  readonly #chore: Repeated;
  readonly #pipelines: PartitionPipeline[] = [];
  #stock: StockClient | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#chore = repeat('stock', expireEveryMs, options.log, () => this.#turn());
  }

  /** Undefined until the stock is open. */
  get stock(): StockClient | undefined {
    return this.#stock;
  }

  async stop(): Promise<void> {
    await this.#chore.stop();
    await Promise.all(this.#pipelines.map((pipeline) => pipeline.stop()));
  }

  /** Lets Redis forget an order that Postgres has, if it is over. */
  async forget(order: OrderRecord): Promise<void> {
    const partition = partitionOfOrder(order.orderId);
    if (this.#stock === undefined || partition === undefined || !isOver(order)) return;
    await forgetPersisted(this.#stock, partition, [order]);
  }

  /** Entries that Postgres has not confirmed and the age of the oldest, per partition. */
  async backlog(): Promise<readonly { readonly entries: number; readonly lagMs: number }[]> {
    const stock = this.#stock;
    if (stock === undefined) return [];
    const [seconds] = await stock.redis.time();
    return Promise.all(
      stock.keys.map(async ({ outbox }) => {
        const entries = await stock.redis.xlen(outbox);
        const [oldest] = await stock.redis.xrange(outbox, '-', '+', 'COUNT', 1);
        const since = oldest === undefined ? undefined : Number(oldest[0].split('-')[0]);
        return { entries, lagMs: since === undefined ? 0 : Math.max(0, Number(seconds) * 1_000 - since) };
      }),
    );
  }

  async #turn(): Promise<void> {
    if (this.#stock === undefined) return this.#open();
    const { metrics } = this.#options;
    for (let partition = 0; partition < this.#stock.partitions; partition += 1) {
      let expired: number;
      do {
        expired = await expireDue(this.#stock, partition, mostExpired);
        metrics.expired.inc(expired);
      } while (expired === mostExpired);
      await finishTransfers(this.#stock, partition, transferGivenUpMs);
    }
  }

  async #open(): Promise<void> {
    const { redis, jobsRedis, pool, chunkEntries, metrics, log } = this.#options;
    const stock = await StockClient.open(redis);
    if (stock === undefined) return;
    for (let partition = this.#pipelines.length; partition < stock.partitions; partition += 1) {
      const options = { stock, partition, pool, jobsRedis, chunkEntries, metrics, log };
      this.#pipelines.push(await startPartition(options));
    }
    this.#stock = stock;
    log.info({ partitions: stock.partitions }, 'stock is open: persisting');
  }
}
