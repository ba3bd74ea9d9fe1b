import { Cluster, type Command, Redis } from 'ioredis';
import type { RedisAddress, RedisNode } from './address.ts';
import { setDeadline } from './deadline.ts';
import { type ConnectOptions, defaultCommandTimeoutMs, failFast, logged, retryAfterMs } from './fail-fast.ts';
import { tlsOf } from './tls.ts';

type ClusterAddress = Extract<RedisAddress, { readonly kind: 'cluster' }>;

/**
 * How often the map of slots is read again without a MOVED: a master that hangs answers nothing, so nobody says that
 * its slots have gone to its replica. A listener is looked after as often.
 */
const lookAroundMs = 2_000;

/**
 * A client of a cluster that fails fast as the others do: commands go to the master of their slot, never to a
 * replica; MOVED and ASK are followed, for what was refused was not done; an unanswered command is not sent again.
 */
export function connectCluster(address: ClusterAddress, options: ConnectOptions): Cluster {
  const { lazyConnect, enableOfflineQueue: _, retryStrategy: __, ...ofNodes } = failFast;
  const cluster = new FailFastCluster([...address.nodes], {
    lazyConnect,
    clusterRetryStrategy: retryAfterMs,
    slotsRefreshInterval: lookAroundMs,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // Names stay names: certificates are made out to them.
    dnsLookup: (host, found) => found(null, host),
    redisOptions: { ...ofNodes, ...accessOf(address), connectionName: options.name },
  });
  cluster.commandTimeoutMs = options.commandTimeoutMs ?? defaultCommandTimeoutMs;
  return logged(cluster, options);
}

class FailFastCluster extends Cluster {
  commandTimeoutMs = defaultCommandTimeoutMs;
  #published = 0;

  /** The library's own deadline begins at a node: what waits for a cluster that is away would have none. */
  override sendCommand(command: Command, ...rest: [stream?: never, node?: unknown]): unknown {
    const isOwn = command.name === 'cluster';
    if (this.status !== 'ready' && !isOwn) {
      command.reject(new Error(`The cluster is ${this.status}`));
      return command.promise;
    }
    setDeadline(command, this.commandTimeoutMs);
    // A message has no slot. By turns, not at random: one master that hangs swallows every third, never several on end.
    if (command.name === 'publish')
      return super.sendCommand(command, undefined, { redis: this.#nextMaster() });
    return super.sendCommand(command, ...rest);
  }

  #nextMaster(): Redis | undefined {
    this.#published += 1;
    const masters = this.nodes('master');
    return masters[this.#published % masters.length];
  }
}

/**
 * A connection that listens on a cluster: a message published on any node reaches all of them, so one node is enough.
 * When it is lost, silent, or cut off from the others, the next one is listened to, and `ready` says so: the library's
 * own subscriber of a cluster moves without a word, and nobody would read what was missed.
 */
export function connectClusterListener(address: ClusterAddress, options: ConnectOptions): Redis {
  let nodes: readonly RedisNode[] = address.nodes;
  let next = Math.floor(Math.random() * nodes.length);
  const takeNext = (): RedisNode => {
    next = (next + 1) % nodes.length;
    return nodes[next] as RedisNode;
  };
  const redis = new Redis({
    ...failFast,
    ...accessOf(address),
    ...takeNext(),
    connectionName: options.name,
    maxRetriesPerRequest: null,
  });
  // Read by the library at its next attempt to connect.
  redis.on('close', () => Object.assign(redis.options, takeNext()));
  const timer = setInterval(() => {
    if (redis.status !== 'ready') return;
    readNodes(redis).then(
      (found) => {
        if (found.length > 0) nodes = found;
      },
      () => redis.disconnect(true),
    );
  }, lookAroundMs).unref();
  redis.on('end', () => clearInterval(timer));
  return logged(redis, options);
}

/** Every node that this one knows. Throws when it is silent, or when it does not see most of the cluster. */
async function readNodes(redis: Redis): Promise<readonly RedisNode[]> {
  const answers = Promise.all([redis.cluster('INFO'), redis.cluster('SLOTS')]);
  const [info, ranges] = await withDeadline(answers, defaultCommandTimeoutMs);
  if (String(info).includes('cluster_state:fail')) throw new Error('cut off from the cluster');
  const found = new Map<string, RedisNode>();
  // Of every range: first and last slot, then its nodes as [host, port, ...].
  for (const [, , ...servers] of ranges) {
    for (const [host, port] of servers as readonly (readonly [string | null, number, ...unknown[]])[]) {
      if (host) found.set(`${host}:${port}`, { host, port });
    }
  }
  return [...found.values()];
}

async function withDeadline<T>(answer: Promise<T>, ms: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('no answer')), ms);
  return Promise.race([answer, promise]).finally(() => clearTimeout(timer));
}

function accessOf(address: ClusterAddress) {
  const { username, password } = address;
  const tls = tlsOf(address);
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
  };
}
