import { AppError } from '@ropeline/core/errors.ts';
import type { Redis } from '@ropeline/core/redis/connect.ts';

type Options = {
  /** The connection that writes. */
  readonly redis: Redis;
  /** One to the same server that may be blocked: who waits there must not hold up who writes. */
  readonly waiting: Redis;
  /** How many replicas must have a write before it is answered; 0: none is asked. */
  readonly wanted: number;
  readonly timeoutMs?: number;
};

/** Nobody listens; replicas get it behind everything that was written before. */
const channel = 'ropeline:stock:replicated';

/**
 * Whether replicas of the stock Redis have what was written: an order that only the master knew would be gone when a
 * replica takes its place. One `WAIT` serves everybody who asks while the one before it is under way.
 */
export class Replicas {
  readonly #options: Options;
  readonly #timeoutMs: number;
  /** Grows when a connection is lost: who answers behind the next one may be another server. */
  #generation = 0;
  #running: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 500;
    for (const redis of [options.redis, options.waiting])
      redis.on('close', () => {
        this.#generation += 1;
      });
  }

  /** To be taken before a write that is to be confirmed. */
  mark(): number {
    return this.#generation;
  }

  /** Resolves when enough replicas have what was written before this call. Throws 503 `unavailable`. */
  async confirm(mark: number): Promise<void> {
    if (this.#options.wanted === 0) return;
    this.#queued ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#queued = undefined;
        this.#running = this.#wait();
        return this.#running;
      });
    await this.#queued;
    if (mark !== this.#generation) throw unconfirmed('the connection was lost meanwhile');
  }

  /** What keeps this Redis from being sold from; empty when enough replicas follow the server that is written to. */
  async problems(): Promise<readonly string[]> {
    const { redis, waiting, wanted } = this.#options;
    if (wanted === 0) return [];
    try {
      const [here, there] = await Promise.all([redis, waiting].map(runId));
      if (here === undefined || here !== there) return ['its connections lead to different servers'];
      await this.#wait();
      return [];
    } catch {
      return [`fewer than ${wanted} replicas confirm what is written`];
    }
  }

  async #wait(): Promise<void> {
    const { waiting, wanted } = this.#options;
    const replies = await waiting
      .pipeline()
      // Without a write of its own a connection waits for nothing.
      .publish(channel, '')
      .wait(wanted, this.#timeoutMs)
      .exec();
    const [error, confirmed] = replies?.[1] ?? [];
    if (error || Number(confirmed) < wanted)
      throw unconfirmed(`${confirmed} of ${wanted} replicas have it`, error);
  }
}

function unconfirmed(detail: string, cause?: unknown): AppError {
  return new AppError('unavailable', {
    detail: 'The stock is not replicated',
    retryAfterSeconds: 1,
    cause: cause ?? detail,
  });
}

async function runId(redis: Redis): Promise<string | undefined> {
  return /run_id:(\w+)/.exec(await redis.info('server'))?.[1];
}
