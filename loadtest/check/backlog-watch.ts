import { setTimeout as delay } from 'node:timers/promises';
import { createLog } from '@ropeline/core/log.ts';
import { connectRedis, type Redis, untilReady } from '@ropeline/core/redis/connect.ts';
import { readPartitions } from '@ropeline/core/stock/partitions.ts';
import { partitionOfOffer, stockKeys } from '@ropeline/core/stock/stock-keys.ts';
import type { Look } from './backlog.ts';

const everyMs = 100;

/** Looks at the outboxes and at one offer ten times a second. */
export class BacklogWatch {
  readonly looks: Look[] = [];
  readonly redis: Redis;
  readonly #partitions: number;
  readonly #offerId: number;
  readonly #timer: NodeJS.Timeout;
  #busy = false;

  private constructor(redis: Redis, partitions: number, offerId: number) {
    this.redis = redis;
    this.#partitions = partitions;
    this.#offerId = offerId;
    this.#timer = setInterval(() => void this.#lookUnlessBusy(), everyMs);
  }

  static async start(redisUrl: string, offerId: number): Promise<BacklogWatch> {
    const log = createLog('loadtest', 'silent');
    const redis = connectRedis(redisUrl, { name: 'loadtest', log, commandTimeoutMs: 10_000 });
    await untilReady(redis);
    const watch = new BacklogWatch(redis, (await readPartitions(redis)) ?? 1, offerId);
    await watch.look();
    return watch;
  }

  async look(): Promise<Look> {
    const outboxes = Array.from({ length: this.#partitions }, (_, at) => stockKeys(at).outbox);
    const at = Date.now();
    const [units, ...lengths] = await Promise.all([
      this.redis.hmget(this.#offerKey, 'held', 'sold'),
      ...outboxes.map((key) => this.redis.xlen(key)),
    ]);
    const look = {
      at,
      waiting: lengths.reduce((sum, length) => sum + length, 0),
      taken: Number(units[0] ?? 0) + Number(units[1] ?? 0),
    };
    this.looks.push(look);
    return look;
  }

  /** False when something waits still after `timeoutMs`. */
  async untilEmpty(timeoutMs: number): Promise<boolean> {
    const deadline = Date.now() + timeoutMs;
    while ((await this.look()).waiting > 0) {
      if (Date.now() > deadline) return false;
      await delay(20);
    }
    return true;
  }

  async counts(): Promise<{ readonly capacity: number; readonly held: number; readonly sold: number }> {
    const [capacity, held, sold] = await this.redis.hmget(this.#offerKey, 'capacity', 'held', 'sold');
    return { capacity: Number(capacity ?? 0), held: Number(held ?? 0), sold: Number(sold ?? 0) };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.redis.disconnect();
  }

  get #offerKey(): string {
    return stockKeys(partitionOfOffer(this.#offerId, this.#partitions)).offer(this.#offerId);
  }

  async #lookUnlessBusy(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await this.look();
    } catch {
      // a look that Redis is too busy for is one look less
    } finally {
      this.#busy = false;
    }
  }
}
