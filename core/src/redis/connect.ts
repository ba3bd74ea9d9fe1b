import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from '../log.ts';

export type { Redis } from 'ioredis';

type Options = {
  readonly name: string;
  readonly log: Logger;
  /** Deadline of every command. A command that passes it has an unknown outcome. */
  readonly commandTimeoutMs?: number;
};

/**
 * A client that fails fast: no offline queue, no resending of unanswered commands (a script that is sent twice
 * would act twice), a deadline on every command. It reconnects by itself with back-off up to a second.
 */
export function connectRedis(url: string, options: Options): Redis {
  const redis = new Redis(url, {
    ...fastFail,
    connectionName: options.name,
    commandTimeout: options.commandTimeoutMs ?? 2_000,
  });
  return logged(redis, options);
}

/** For blocking reads and subscriptions: no command deadline, subscriptions come back after a reconnect. */
export function connectRedisForWaiting(url: string, options: Options): Redis {
  const redis = new Redis(url, { ...fastFail, connectionName: options.name, maxRetriesPerRequest: null });
  return logged(redis, options);
}

/**
 * For BullMQ and for blocking reads: commands wait until Redis is back, and are sent again when the connection was
 * lost before the answer came (a client that neither resends nor rejects them would wait for ever). Only for
 * commands that may run twice.
 */
export function connectRedisForJobs(url: string, options: Options): Redis {
  const redis = new Redis(url, {
    ...fastFail,
    connectionName: options.name,
    enableOfflineQueue: true,
    autoResendUnfulfilledCommands: true,
    maxRetriesPerRequest: null,
  });
  return logged(redis, options);
}

const fastFail = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: true,
  maxRetriesPerRequest: 0,
  connectTimeout: 3_000,
  retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 5), 1_000),
  lazyConnect: true,
} satisfies RedisOptions;

function logged(redis: Redis, { name, log }: Options): Redis {
  let away = false;
  redis.on('error', (error: Error) => {
    if (!away) log.warn({ redis: name, err: { message: error.message } }, 'redis is away');
    away = true;
  });
  redis.on('ready', () => {
    if (away) log.info({ redis: name }, 'redis is back');
    away = false;
  });
  return redis;
}

/** Waits until the client is ready; throws when it is not within `timeoutMs`. */
export async function untilReady(redis: Redis, timeoutMs = 10_000): Promise<void> {
  if (redis.status === 'ready') return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.off('ready', done);
      reject(
        new Error(`Redis ${redis.options.host}:${redis.options.port} did not answer within ${timeoutMs} ms`),
      );
    }, timeoutMs);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    redis.once('ready', done);
    if (redis.status === 'wait') redis.connect().catch(() => undefined);
  });
}
