import type { EventEmitter } from 'node:events';
import type { RedisOptions } from 'ioredis';
import type { Logger } from '../log.ts';

export type ConnectOptions = {
  readonly name: string;
  readonly log: Logger;
  /** Deadline of every command. A command that passes it has an unknown outcome. */
  readonly commandTimeoutMs?: number;
};

export const defaultCommandTimeoutMs = 2_000;

/** Pause before the next attempt to connect: from 50 ms, doubling, at most a second. */
export const retryAfterMs = (attempt: number): number => Math.min(50 * 2 ** Math.min(attempt, 5), 1_000);

/** What every client has in common: nothing waits for a Redis that is away, nothing is sent twice. */
export const failFast = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: true,
  maxRetriesPerRequest: 0,
  connectTimeout: 3_000,
  // A half-open connection does not say goodbye: it is dropped so soon after ours.
  disconnectTimeout: 500,
  retryStrategy: retryAfterMs,
  // A master that has become a replica: whoever is master now is found by connecting anew.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  lazyConnect: true,
} satisfies RedisOptions;

/**
 * Whether a command failed because Redis could not be reached or could not serve it just now, and not for what it
 * asked. Words such as LOADING, CLUSTERDOWN, TRYAGAIN (a slot on its way), READONLY, NOREPLICAS are of now.
 */
export function isOutage(error: unknown): boolean {
  return error instanceof Error && !(error.name === 'ReplyError' && error.message.startsWith('ERR'));
}

/** Logs that the client lost its Redis and found it again, each once. */
export function logged<Client extends EventEmitter>(client: Client, { name, log }: ConnectOptions): Client {
  let away = false;
  client.on('error', (error: Error) => {
    if (!away) log.warn({ redis: name, err: { message: error.message } }, 'redis is away');
    away = true;
  });
  client.on('ready', () => {
    if (away) log.info({ redis: name }, 'redis is back');
    away = false;
  });
  return client;
}
