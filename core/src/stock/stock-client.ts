import { AppError } from '../errors.ts';
import type { Redis } from '../redis/connect.ts';
import type { Script, ScriptArg } from '../redis/script.ts';
import { readPartitions } from './partitions.ts';
import type { Reply } from './scripts.ts';
import { type StockKeys, stockKeys } from './stock-keys.ts';

/** Answer of a script that must not act: the epoch is missing or another. */
export const notReady = 0;

/**
 * The stock's Redis as one data set: its partitions, its keys, its epoch.
 *
 * Every script gets the epoch that this client opened the stock with, and does nothing under another; that is
 * thrown as 503 `not-ready`. `open` takes up a new epoch.
 */
export class StockClient {
  readonly redis: Redis;
  readonly keys: readonly StockKeys[];
  #epoch = '';

  constructor(redis: Redis, partitions: number) {
    this.redis = redis;
    this.keys = Array.from({ length: partitions }, (_, at) => stockKeys(at));
  }

  /** Undefined while the stock has not been opened for the first time or waits to be rebuilt. */
  static async open(redis: Redis): Promise<StockClient | undefined> {
    const partitions = await readPartitions(redis);
    if (partitions === undefined) return undefined;
    const client = new StockClient(redis, partitions);
    return (await client.reopen()) ? client : undefined;
  }

  /** Of the data set that was opened; empty before. */
  get epoch(): string {
    return this.#epoch;
  }

  get partitions(): number {
    return this.keys.length;
  }

  /** Reads the epoch anew; false while a partition has none or they differ. */
  async reopen(): Promise<boolean> {
    const epochs = await this.epochs();
    const [first] = epochs;
    if (typeof first !== 'string' || epochs.some((epoch) => epoch !== first)) return false;
    this.#epoch = first;
    return true;
  }

  /** Per partition, null where there is none. */
  epochs(): Promise<readonly (string | null)[]> {
    return Promise.all(this.keys.map(({ epoch }) => this.redis.get(epoch)));
  }

  /** What its scripts take for now, Unix ms. */
  async timeMs(): Promise<number> {
    const [seconds, microseconds] = await this.redis.time();
    return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
  }

  keysOf(partition: number): StockKeys {
    const keys = this.keys[partition];
    if (keys === undefined) throw new Error(`there is no stock partition ${partition}`);
    return keys;
  }

  /** Calls a script with the epoch as its first argument. */
  async call(
    script: Script<Reply>,
    keys: readonly string[],
    args: readonly ScriptArg[] = [],
  ): Promise<Reply> {
    const reply = await script.call(this.redis, keys, [this.#epoch, ...args]);
    if (reply[0] === notReady) throw new AppError('not-ready', { retryAfterSeconds: 2 });
    return reply;
  }
}
