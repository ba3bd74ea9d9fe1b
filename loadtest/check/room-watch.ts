import { createLog } from '@ropeline/core/log.ts';
import {
  connectRedis,
  connectRedisForWaiting,
  type Redis,
  untilReady,
} from '@ropeline/core/redis/connect.ts';
import { roomKeys } from '@ropeline/core/redis/room-keys.ts';
import { readPartitions } from '@ropeline/core/stock/partitions.ts';
import { partitionOfOffer, stockKeys } from '@ropeline/core/stock/stock-keys.ts';
import type { Rules } from './admission-bound.ts';

const log = createLog('loadtest', 'silent');
const everyMs = 100;

/** How things stood at a moment (Unix ms of this machine). */
export type Sample = {
  readonly at: number;
  readonly waiting: number;
  readonly held: number;
  readonly sold: number;
  /** Outbox entries that Postgres has not confirmed, all partitions. */
  readonly outbox: number;
};

type Options = {
  readonly redisUrl: string;
  readonly ticketRedisUrl: string;
  readonly room: string;
  readonly offerId: number;
};

/**
 * Watches a run from the side, in Redis itself: keeps every message of the room's broadcast, and samples queue,
 * stock and outbox ten times a second.
 */
export class RoomWatch {
  /** As they arrived; the rank sketches, most of the bytes, are cut out. */
  readonly messages: string[] = [];
  readonly samples: Sample[] = [];
  /** Admissions so far. */
  admitted = 0;
  readonly #options: Options;
  readonly #queue: Redis;
  readonly #subscriber: Redis;
  readonly #stock: Redis;
  #partitions = 1;
  #timer: NodeJS.Timeout | undefined;
  #sampling = false;

  private constructor(options: Options) {
    this.#options = options;
    this.#queue = connectRedis(options.redisUrl, { name: 'loadtest', log });
    this.#subscriber = connectRedisForWaiting(options.redisUrl, { name: 'loadtest', log });
    this.#stock = connectRedis(options.ticketRedisUrl, { name: 'loadtest', log });
  }

  static async start(options: Options): Promise<RoomWatch> {
    const watch = new RoomWatch(options);
    await Promise.all([watch.#queue, watch.#subscriber, watch.#stock].map((redis) => untilReady(redis)));
    watch.#partitions = (await readPartitions(watch.#stock)) ?? 1;
    watch.#subscriber.on('message', (_channel, message) => watch.#keep(message));
    await watch.#subscriber.subscribe(roomKeys(options.room).tick);
    await watch.sample();
    watch.#timer = setInterval(() => void watch.#sampleUnlessBusy(), everyMs);
    return watch;
  }

  #keep(message: string): void {
    this.messages.push(withoutSketch(message));
    this.admitted += message.split('\na ').length - 1;
  }

  /** Takes a sample now. */
  async sample(): Promise<Sample> {
    const { room, offerId } = this.#options;
    const outboxes = Array.from({ length: this.#partitions }, (_, at) => stockKeys(at).outbox);
    const offer = stockKeys(partitionOfOffer(offerId, this.#partitions)).offer(offerId);
    const at = Date.now();
    const [waiting, units, ...lengths] = await Promise.all([
      this.#queue.zcard(roomKeys(room).queue('standard')),
      this.#stock.hmget(offer, 'held', 'sold'),
      ...outboxes.map((key) => this.#stock.xlen(key)),
    ]);
    const sample = {
      at,
      waiting,
      held: Number(units[0] ?? 0),
      sold: Number(units[1] ?? 0),
      outbox: lengths.reduce((sum, length) => sum + length, 0),
    };
    this.samples.push(sample);
    return sample;
  }

  async #sampleUnlessBusy(): Promise<void> {
    if (this.#sampling) return;
    this.#sampling = true;
    try {
      await this.sample();
    } catch {
      // a sample that Redis is too busy to answer is one sample less
    } finally {
      this.#sampling = false;
    }
  }

  /** The room's rate now, then every change of it on record since `since` (Unix ms), by the room's own audit. */
  async rulesNow(): Promise<Rules> {
    const fields = ['admission.ratePerMinute', 'admission.burst'];
    const [rate, burst] = await this.#queue.hmget(roomKeys(this.#options.room).config, ...fields);
    return { at: Date.now(), ratePerMinute: Number(rate), burst: Number(burst ?? 0) };
  }

  async rulesSince(first: Rules): Promise<readonly Rules[]> {
    const entries = await this.#queue.xrange(roomKeys(this.#options.room).audit, `${first.at}-0`, '+');
    const rules = [first];
    for (const [, pairs] of entries) {
      const fields = new Map(
        pairs.flatMap((name, at) => (at % 2 === 0 ? [[name, pairs[at + 1] ?? '']] : [])),
      );
      const last = rules.at(-1) ?? first;
      rules.push({
        at: Number(fields.get('at')),
        ratePerMinute: Number(fields.get('admission.ratePerMinute') ?? last.ratePerMinute),
        burst: Number(fields.get('admission.burst') ?? last.burst),
      });
    }
    return rules;
  }

  /** The units of the offer as Redis has them. */
  async stock(): Promise<{ readonly capacity: number; readonly held: number; readonly sold: number }> {
    const { offerId } = this.#options;
    const offer = stockKeys(partitionOfOffer(offerId, this.#partitions)).offer(offerId);
    const [capacity, held, sold] = await this.#stock.hmget(offer, 'capacity', 'held', 'sold');
    return { capacity: Number(capacity ?? 0), held: Number(held ?? 0), sold: Number(sold ?? 0) };
  }

  async redisVersion(): Promise<string> {
    return /redis_version:(\S+)/.exec(await this.#queue.info('server'))?.[1] ?? 'unknown';
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const redis of [this.#queue, this.#subscriber, this.#stock]) redis.disconnect();
  }
}

function withoutSketch(message: string): string {
  if (!message.includes('\ns ')) return message;
  return message
    .split('\n')
    .filter((line) => !line.startsWith('s '))
    .join('\n');
}
