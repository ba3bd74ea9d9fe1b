import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@ropeline/core/errors.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { beginLife, readLife } from '@ropeline/core/postgres/stock-life.ts';
import { inTransaction } from '@ropeline/core/postgres/transaction.ts';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import { fixPartitions } from '@ropeline/core/stock/partitions.ts';
import { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { durabilityProblems } from './durability.ts';
import { rebuildStock } from './rebuild-stock.ts';
import type { Replicas } from './replicas.ts';
import { StockBuilder } from './stock-builder.ts';
import { lockStock } from './stock-lock.ts';
import { lossOf } from './stock-loss.ts';

type Options = {
  readonly redis: Redis;
  /** With deadlines that let the stock be built anew: it reads all that is open. */
  readonly postgres: Pool;
  readonly log: Logger;
  /** Sell although the Redis may lose what it answered (`DURABILITY=relaxed`). */
  readonly relaxed: boolean;
  /** Asked before it opens; undefined: there are none. */
  readonly replicas?: Replicas | undefined;
  /** Run whenever the stock has been opened: gives offers their units where they have none yet. */
  readonly prepare: (stock: StockClient) => Promise<void>;
  readonly retryMs?: number;
};

/**
 * Decides whether this service may sell. It may while the stock Redis is durable and holds the data set that was
 * opened; it looks again after every reconnect and whenever a script answered `not-ready`.
 *
 * An emptied Redis (or one that another life has been put under) is opened under a new epoch after it was built anew
 * from Postgres, by one service while the others wait: what Postgres has is never sold twice.
 */
export class StockGate {
  readonly #options: Options;
  readonly #stopped = new AbortController();
  #client: StockClient | undefined;
  #open = false;
  #problems: readonly string[] = ['stock: not opened yet'];
  /** Why it was shut since the look in hand began: what that look finds may be of the connection before. */
  #shutMeanwhile: string | undefined;
  #wake: (() => void) | undefined;

  constructor(options: Options) {
    this.#options = options;
    options.redis.on('ready', this.#onReady);
  }

  readonly #onReady = (): void => this.shut('reconnected');

  /** Looks once, then goes on looking in the background. Never throws: see `missing`. */
  async start(): Promise<void> {
    await this.#look();
    void this.#watch();
  }

  stop(): void {
    this.#options.redis.off('ready', this.#onReady);
    this.#stopped.abort();
    this.#wake?.();
  }

  /** The open stock; throws 503 `not-ready`. */
  get stock(): StockClient {
    if (this.#client === undefined || !this.#open) {
      throw new AppError('not-ready', { retryAfterSeconds: 2 });
    }
    return this.#client;
  }

  /** What keeps the stock shut, for the ready probe; empty while it is open. */
  missing(): readonly string[] {
    return this.#open ? [] : this.#problems;
  }

  /** A script met another epoch, or the connection was made anew: look before anything more is sold. */
  shut(why: string): void {
    this.#shutMeanwhile = `stock: ${why}`;
    if (!this.#open) return;
    this.#open = false;
    this.#problems = [`stock: ${why}`];
    this.#wake?.();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const wait = this.#open
        ? woken
        : delay(this.#options.retryMs ?? 500, undefined, { signal }).catch(() => undefined);
      await wait;
      if (!signal.aborted && !this.#open) await this.#look();
    }
  }

  async #look(): Promise<void> {
    const before = this.#problems.join();
    this.#shutMeanwhile = undefined;
    try {
      const problems = await this.#tryToOpen();
      this.#problems = this.#shutMeanwhile === undefined ? problems : [this.#shutMeanwhile, ...problems];
    } catch (error) {
      this.#problems = [`stock: ${(error as Error).message}`];
    }
    this.#open = this.#problems.length === 0;
    if (this.#open) this.#options.log.info('stock is open');
    else if (this.#problems.join() !== before)
      this.#options.log.warn({ problems: this.#problems }, 'stock is shut');
  }

  async #tryToOpen(): Promise<readonly string[]> {
    const { redis, relaxed, replicas, prepare } = this.#options;
    const weak = [
      ...(relaxed ? [] : await durabilityProblems(redis)),
      ...((await replicas?.problems()) ?? []),
    ];
    if (weak.length > 0) return weak.map((problem) => `stock Redis is not durable: ${problem}`);
    this.#client ??= new StockClient(redis, await fixPartitions(redis));
    const client = this.#client;
    const known = client.epoch;
    try {
      await this.#makeWhole(client);
    } catch (error) {
      // With Postgres away sales go on in the same life of the stock; only its repair needs both.
      if (known === '' || !(await client.reopen()) || client.epoch !== known) throw error;
    }
    await prepare(client);
    return [];
  }

  /** Epochs are set last: a build that was cut short is begun again by whoever comes next. */
  async #makeWhole(client: StockClient): Promise<void> {
    const { redis, postgres, log } = this.#options;
    await inTransaction(postgres, async (transaction) => {
      // Somebody else may be building it: looked at again, so that this one can say so meanwhile.
      await transaction.query("set local lock_timeout = '5s'");
      await lockStock(transaction);
      await transaction.query('set local lock_timeout = 0');
      const found = await client.epochs();
      const loss = await lossOf(client, transaction);
      if (loss === undefined) {
        if ((await readLife(transaction)) === undefined) await beginLife(transaction, client.epoch);
        return;
      }
      await fixPartitions(redis, client.partitions);
      const builder = await StockBuilder.begin(client, found);
      const epoch = randomBytes(8).toString('hex');
      await beginLife(transaction, epoch);
      const { rowCount } = await transaction.query('select 1 from orders limit 1');
      if (rowCount !== 0) log.warn({ loss }, 'the stock Redis was lost: it is built anew from Postgres');
      await rebuildStock(transaction, builder);
      await builder.open(epoch);
    });
    if (!(await client.reopen())) throw new Error('the stock was lost again');
  }
}
