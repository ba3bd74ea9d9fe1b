import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../core/src/log.ts';
import { connectRedis, untilReady } from '../core/src/redis/connect.ts';
import { startChild, stopChild } from '../scripts/services/child.ts';
import { freePort } from '../scripts/services/free-port.ts';
import {
  type RedisOptions,
  type RedisServer,
  redisAnswers,
  startRedis,
} from '../scripts/services/redis-server.ts';
import { until } from './until.ts';

export type RedisSentinel = {
  /** `redis+sentinel://` with all three sentinels. */
  readonly url: string;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** The master that was killed, with nothing of what it had; `words` are further settings. */
  readonly startMasterAgain: (words?: readonly string[]) => Promise<RedisServer>;
  /** Port of whom the sentinels call the master now. */
  readonly masterPort: () => Promise<number>;
  readonly stop: () => Promise<void>;
};

const masterName = 'queue';
/** Of Redis and of the sentinels; with what an address must percent-encode. */
const [password, sentinelPassword] = ['p@ss:word/', 's&ntinel=%'];
const withPassword = ['--requirepass', password, '--masterauth', password, '--repl-diskless-sync-delay', '0'];
const log = createLog('test', 'silent');

/**
 * A master, a replica in step with it and three sentinels that agree by two, all behind passwords. A dead master is
 * noticed in two seconds.
 */
export async function startRedisSentinel(): Promise<RedisSentinel> {
  const folder = mkdtempSync(join(tmpdir(), 'ropeline-sentinel-'));
  const master = await startServer({ folder: join(folder, 'master') });
  const replica = await startServer({
    folder: join(folder, 'replica'),
    words: ['--replicaof', `127.0.0.1 ${master.port}`],
  });
  // Sentinels that are there before the replica is in step may not know of it when it is needed.
  await asked(replica.url, (redis) =>
    until(async () => (await redis.info('replication')).includes('master_link_status:up'), 20_000),
  );
  const ports = [await freePort(), await freePort(), await freePort()];
  const sentinels = await Promise.all(
    ports.map((port) => startSentinel(join(folder, `${port}`), port, ports, master)),
  );
  for (const port of ports) await asked(sentinelAt(port), (redis) => until(() => seesAll(redis), 20_000));
  return {
    url: `redis+sentinel://:${encodeURIComponent(password)}@${ports.map((port) => `127.0.0.1:${port}`).join(',')}/${masterName}?sentinelPassword=${encodeURIComponent(sentinelPassword)}`,
    master,
    replica,
    startMasterAgain: (words = []) => startServer({ port: master.port, words }),
    masterPort: () =>
      asked(sentinelAt(ports[0] as number), async (redis) => {
        const [, port] = (await redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName)) as string[];
        return Number(port);
      }),
    stop: async () => {
      await Promise.all([...sentinels, master.kill, replica.kill].map((kill) => kill()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A Redis behind the password; its `url` knows it. */
async function startServer(options: RedisOptions): Promise<RedisServer> {
  const server = await startRedis({ ...options, words: [...withPassword, ...(options.words ?? [])] });
  return { ...server, url: `redis://:${encodeURIComponent(password)}@127.0.0.1:${server.port}` };
}

const sentinelAt = (port: number): string =>
  `redis://:${encodeURIComponent(sentinelPassword)}@127.0.0.1:${port}`;

type Plain = ReturnType<typeof connectRedis>;

/** They know each other from the start: finding out takes them some seconds. Resolves to what kills it. */
async function startSentinel(
  folder: string,
  port: number,
  ports: readonly number[],
  master: RedisServer,
): Promise<() => Promise<void>> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'sentinel.conf');
  const others = ports.filter((other) => other !== port);
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel myid ${idOf(port)}`,
    `requirepass ${sentinelPassword}`,
    `sentinel monitor ${masterName} 127.0.0.1 ${master.port} 2`,
    `sentinel auth-pass ${masterName} ${password}`,
    `sentinel down-after-milliseconds ${masterName} 2000`,
    `sentinel failover-timeout ${masterName} 3000`,
    ...others.map((other) => `sentinel known-sentinel ${masterName} 127.0.0.1 ${other} ${idOf(other)}`),
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const child = startChild('redis-server', [file, '--sentinel']);
  await until(() => redisAnswers(port));
  // They do nothing for 30 s when a busy machine has stopped them for two (their TILT).
  await asked(sentinelAt(port), (redis) => redis.call('SENTINEL', 'DEBUG', 'TILT-TRIGGER', '60000'));
  return () => stopChild(child.process, 'SIGKILL');
}

const idOf = (port: number): string => String(port).padStart(40, '0');

async function seesAll(redis: Plain): Promise<boolean> {
  const replicas = (await redis.call('SENTINEL', 'REPLICAS', masterName)) as unknown[];
  const quorum = String(await redis.call('SENTINEL', 'CKQUORUM', masterName));
  return replicas.length === 1 && quorum.startsWith('OK 3');
}

async function asked<T>(url: string, ask: (redis: Plain) => Promise<T>): Promise<T> {
  const redis = connectRedis(url, { name: 'test', log });
  try {
    await untilReady(redis);
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}
