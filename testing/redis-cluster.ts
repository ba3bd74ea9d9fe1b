import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../core/src/log.ts';
import { connectRedis, type Redis, untilReady } from '../core/src/redis/connect.ts';
import { freePort } from '../scripts/services/free-port.ts';
import { type RedisServer, startRedis } from '../scripts/services/redis-server.ts';
import { until } from './until.ts';

export type ClusterNode = RedisServer & {
  readonly id: string;
  readonly busPort: number;
  /** A client of this node alone. */
  readonly redis: Redis;
};

export type RedisCluster = {
  /** `redis+cluster://` with all nodes that were masters at the start. */
  readonly url: string;
  readonly masters: readonly ClusterNode[];
  /** The replica of each master, when asked for. */
  readonly replicas: readonly ClusterNode[];
  readonly slotOf: (key: string) => Promise<number>;
  /** The master that had the key's slot at the start. */
  readonly homeOf: (key: string) => Promise<ClusterNode>;
  /** The replica of a master that is lost takes its place. */
  readonly promote: (lost: ClusterNode) => Promise<void>;
  readonly stop: () => Promise<void>;
};

const slots = 16_384;

/**
 * Three masters that share the slots evenly, each with a replica if asked for. By itself none of them takes another for
 * dead: a node that the machine gives no time would be replaced.
 */
export async function startRedisCluster({ withReplicas = false } = {}): Promise<RedisCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'ropeline-cluster-'));
  const count = withReplicas ? 6 : 3;
  const nodes = await Promise.all(Array.from({ length: count }, (_, i) => startNode(join(folder, `${i}`))));
  const masters = nodes.slice(0, 3);
  const replicas = nodes.slice(3);
  const first = masters[0] as ClusterNode;
  for (const [i, { redis }] of masters.entries()) {
    await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
    const [from, to] = [borderAt(i), borderAt(i + 1) - 1];
    await redis.call('CLUSTER', 'ADDSLOTSRANGE', from, to);
  }
  for (const { port, busPort } of nodes.slice(1)) {
    await first.redis.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
  }
  await until(() => everyNode(nodes, ({ redis }) => knows(redis, `cluster_known_nodes:${count}`)));
  for (const [i, { redis }] of replicas.entries()) {
    await redis.call('CLUSTER', 'REPLICATE', (masters[i] as ClusterNode).id);
  }
  await until(() => everyNode(nodes, ({ redis }) => knows(redis, 'cluster_state:ok')));
  // A replica that has not had its first copy is never promoted.
  await until(() => everyNode(replicas, inSync));
  const last = masters[2] as ClusterNode;
  const slotOf = async (key: string): Promise<number> =>
    Number(await last.redis.call('CLUSTER', 'KEYSLOT', key));
  return {
    url: `redis+cluster://${masters.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    masters,
    replicas,
    slotOf,
    homeOf: async (key) => {
      const slot = await slotOf(key);
      return masters.find((_, i) => slot < borderAt(i + 1)) as ClusterNode;
    },
    promote: async (lost) => {
      await replicas[masters.indexOf(lost)]?.redis.call('CLUSTER', 'FAILOVER', 'TAKEOVER');
    },
    stop: async () => {
      for (const { redis } of nodes) redis.disconnect();
      await Promise.all(nodes.map(({ kill }) => kill()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const borderAt = (master: number): number => Math.round((slots * master) / 3);

async function startNode(folder: string): Promise<ClusterNode> {
  const busPort = await freePort();
  const words = [
    ...['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf', '--cluster-port', String(busPort)],
    ...['--cluster-node-timeout', '600000', '--cluster-require-full-coverage', 'no'],
    // Else the first copy waits five seconds for more replicas to ask.
    ...['--repl-diskless-sync-delay', '0'],
  ];
  const server = await startRedis({ folder, words });
  const redis = connectRedis(server.url, { name: 'test', log: createLog('test', 'silent') });
  await untilReady(redis);
  return { ...server, busPort, redis, id: String(await redis.call('CLUSTER', 'MYID')) };
}

/** Moves a slot with its keys while clients use them, as resharding does, until the whole cluster knows. */
export async function moveSlot(cluster: RedisCluster, slot: number, from: ClusterNode, to: ClusterNode) {
  await to.redis.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
  await from.redis.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
  for (;;) {
    const keys = (await from.redis.call('CLUSTER', 'GETKEYSINSLOT', slot, 3)) as string[];
    if (keys.length === 0) break;
    await from.redis.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys);
  }
  for (const { redis } of [to, from, ...cluster.masters]) {
    await redis.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
  }
}

async function everyNode(
  nodes: readonly ClusterNode[],
  look: (node: ClusterNode) => Promise<boolean>,
): Promise<boolean> {
  return (await Promise.all(nodes.map(look))).every(Boolean);
}

async function knows(redis: Redis, line: string): Promise<boolean> {
  return String(await redis.call('CLUSTER', 'INFO')).includes(line);
}

async function inSync({ redis }: ClusterNode): Promise<boolean> {
  return (await redis.info('replication')).includes('master_link_status:up');
}
