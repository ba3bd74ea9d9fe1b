import { type Command, Redis, type RedisCommander, type RedisOptions } from 'ioredis';
import { parseRedisAddress, type RedisAddress, withoutCredentials } from './address.ts';
import { connectCluster, connectClusterListener } from './cluster.ts';
import { setDeadline } from './deadline.ts';
import { type ConnectOptions, defaultCommandTimeoutMs, failFast, logged } from './fail-fast.ts';
import { tlsOf } from './tls.ts';

export type { Redis } from 'ioredis';

type Options = Omit<RedisOptions, 'replyMapping'>;

/**
 * What is used of a client whose Redis may be a cluster: every command of keys in one slot, and the events that all
 * kinds have. `close`: nothing can be reached. `-node`: a node of a cluster was lost, others may answer.
 */
export type RedisClient = RedisCommander<{ type: 'default'; mapping: 'resp2' }> & {
  readonly status: string;
  connect(): Promise<void>;
  disconnect(reconnect?: boolean): void;
  defineCommand(name: string, definition: { readonly lua: string }): void;
  on(event: 'ready' | 'close' | '-node', listener: () => void): unknown;
  once(event: 'ready', listener: () => void): unknown;
  off(event: 'ready', listener: () => void): unknown;
};

/**
 * A client that fails fast: no offline queue, no resending of unanswered commands (a script that is sent twice
 * would act twice), a deadline on every command. It reconnects by itself with back-off up to a second; by Sentinel
 * to whoever is master then.
 */
export function connectRedis(url: string, options: ConnectOptions): Redis {
  const redis = connectOne(url, options, {}, FailFastRedis);
  redis.commandTimeoutMs = options.commandTimeoutMs ?? defaultCommandTimeoutMs;
  return redis;
}

class FailFastRedis extends Redis {
  commandTimeoutMs = defaultCommandTimeoutMs;

  override sendCommand(command: Command, stream?: Parameters<Redis['sendCommand']>[1]): unknown {
    setDeadline(command, this.commandTimeoutMs);
    return super.sendCommand(command, stream);
  }
}

/** The same for an address that may be a cluster's. */
export function connectRedisOrCluster(url: string, options: ConnectOptions): RedisClient {
  const address = parseRedisAddress(url);
  if (address.kind !== 'cluster') return connectRedis(url, options);
  return placed(connectCluster(address, options), url);
}

/**
 * For subscriptions: no command deadline, subscriptions come back after a reconnect, which `ready` tells. Of a
 * cluster it is one node after another.
 */
export function connectRedisForWaiting(url: string, options: ConnectOptions): Redis {
  const address = parseRedisAddress(url);
  if (address.kind === 'cluster') return placed(connectClusterListener(address, options), url);
  return connectOne(url, options, { maxRetriesPerRequest: null }, Redis);
}

/**
 * For BullMQ and for blocking reads: commands wait until Redis is back, and are sent again when the connection was
 * lost before the answer came (a client that neither resends nor rejects them would wait for ever). Only for
 * commands that may run twice.
 */
export function connectRedisForJobs(url: string, options: ConnectOptions): Redis {
  const more = { enableOfflineQueue: true, autoResendUnfulfilledCommands: true, maxRetriesPerRequest: null };
  return connectOne(url, options, more, Redis);
}

function connectOne<Client extends Redis>(
  url: string,
  options: ConnectOptions,
  more: Options,
  kind: { new (url: string, options: Options): Client; new (options: Options): Client },
): Client {
  const address = parseRedisAddress(url);
  if (address.kind === 'cluster') throw new Error('a cluster cannot be used here');
  const tls = tlsOf(address);
  const ofAll = { ...failFast, connectionName: options.name, ...(tls === undefined ? {} : { tls }) };
  const all: Options = { ...ofAll, ...more };
  const redis =
    address.kind === 'server' ? new kind(address.url, all) : new kind({ ...all, ...bySentinel(address) });
  return placed(logged(redis, options), url);
}

function bySentinel(address: Extract<RedisAddress, { readonly kind: 'sentinel' }>): Options {
  const { nodes, name, db, username, password, sentinelUsername, sentinelPassword } = address;
  const tls = tlsOf(address);
  return {
    sentinels: [...nodes],
    name,
    role: 'master',
    db,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(tls === undefined ? {} : { sentinelTLS: tls, enableTLSForSentinelMode: true }),
    // A master that hangs closes no connection: the sentinels say that it is master no longer.
    failoverDetector: true,
    sentinelCommandTimeout: 1_000,
    sentinelRetryStrategy: (attempt) => Math.min(attempt * 50, 500),
    sentinelReconnectStrategy: () => 1_000,
  };
}

/** What to call a client's Redis in messages. */
const places = new WeakMap<object, string>();

function placed<Client extends object>(client: Client, url: string): Client {
  places.set(client, withoutCredentials(url));
  return client;
}

/** Waits until the client is ready; throws when it is not within `timeoutMs`. */
export async function untilReady(redis: RedisClient, timeoutMs = 10_000): Promise<void> {
  if (redis.status === 'ready') return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.off('ready', done);
      reject(new Error(`${places.get(redis) ?? 'Redis'} did not answer within ${timeoutMs} ms`));
    }, timeoutMs);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    redis.once('ready', done);
    if (redis.status === 'wait') redis.connect().catch(() => undefined);
  });
}
