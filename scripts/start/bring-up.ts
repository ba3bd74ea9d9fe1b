import { join } from 'node:path';
import type { Values } from '@ropeline/core/config.ts';
import { freePort } from '../services/free-port.ts';
import { postgresUrl } from '../services/postgres-server.ts';
import { findRedis, supplyRedis } from '../supply/redis-binary.ts';
import { type Addresses, localUrl } from './addresses.ts';
import type { Fleet } from './fleet.ts';
import { checkGivenPostgres, checkGivenRedis } from './given-services.ts';
import type { Ports } from './ports.ts';
import { postgresProgram, redisProgram } from './private-services.ts';
import type { Program } from './program.ts';
import type { Progress } from './progress.ts';
import { untilReady } from './readiness.ts';
import { Refusal } from './refusal.ts';
import type { Secrets } from './secrets.ts';
import { serviceEnvironment } from './service-environment.ts';
import { nodeProgram, ranks, servicePrograms } from './service-programs.ts';
import type { settings } from './settings.ts';
import { runTask } from './task.ts';
import { buildUi } from './ui-build.ts';

export type Installation = {
  readonly root: string;
  readonly cache: string;
  readonly dataDir: string;
  readonly config: Values<typeof settings>;
  readonly ports: Ports;
  readonly secrets: Secrets;
  readonly progress: Progress;
  readonly fleet: Fleet;
  /** Aborted when everything is to stop. */
  readonly stopped: AbortSignal;
};

/** Starts everything in order; resolves when all is ready. Throws {@link Refusal} when something cannot be had. */
export async function bringUp(installation: Installation): Promise<Addresses> {
  const { root, dataDir, config, ports, secrets, progress, fleet, stopped } = installation;
  const logs = join(dataDir, 'logs');
  const uiBuild = progress.step('Pages', () => buildUi({ root, logs, env: process.env }, stopped));
  // Its failure is awaited below, after the services that it does not hinder.
  uiBuild.catch(() => undefined);
  const [redis, ticketRedis, database] = await startDataServices(installation);
  const at = (port: number): string => localUrl(config.bindAddress, port);
  const addresses: Addresses = {
    gateway: at(ports.gateway),
    control: at(ports.control),
    ticket: at(ports.ticket),
    payment: at(ports.payment),
    workers: at(ports.workers),
    redis,
    ticketRedis,
    database,
    ...(secrets.operatorToken === undefined ? {} : { operatorToken: secrets.operatorToken }),
  };
  const env = serviceEnvironment(process.env, { config, dataDir, ports, addresses, secrets: secrets.env });
  const place = { root, logs, env };
  for (const [title, name] of [
    ['Database schema', 'migrate'],
    ['Demo event', 'seed'],
  ] as const) {
    await progress.step(title, async () => {
      await runTask(nodeProgram(place, name, `ticket-service/src/${name}.ts`), stopped);
      return 'in place';
    });
  }
  await uiBuild;
  const programs = servicePrograms(place, config.gateways);
  await Promise.all(
    programs.map(([program, rank]) =>
      progress.step(program.name, async () => {
        await fleet.start(program, rank);
        return 'ready';
      }),
    ),
  );
  await progress.step('All together', async () => {
    await untilReady(addresses, stopped);
    return 'ready';
  });
  return addresses;
}

/** Addresses of the queue's Redis, the stock's Redis and Postgres: all given ones answer before one is started. */
async function startDataServices(installation: Installation): Promise<readonly [string, string, string]> {
  const { config, dataDir, progress, fleet } = installation;
  await Promise.all([
    config.redisUrl && checkGivenRedis('REDIS_URL', config.redisUrl),
    config.ticketRedisUrl && checkGivenRedis('TICKET_REDIS_URL', config.ticketRedisUrl),
    config.databaseUrl && checkGivenPostgres(config.databaseUrl),
  ]);
  const binary = await redisBinary(installation);
  const start = async (title: string, programOn: (port: number) => Program): Promise<number> => {
    const port = await freePort();
    await progress.step(title, async () => {
      await fleet.start(programOn(port), ranks.data);
      return `port ${port}`;
    });
    return port;
  };
  const redis = async (title: string, name: 'queue-redis' | 'stock-redis'): Promise<string> =>
    `redis://127.0.0.1:${await start(title, (port) => redisProgram(name, { dataDir, port, binary }))}`;
  return Promise.all([
    config.redisUrl ?? redis('Redis of the queue', 'queue-redis'),
    config.ticketRedisUrl ?? redis('Redis of the stock', 'stock-redis'),
    config.databaseUrl ??
      start('Postgres', (port) => postgresProgram({ dataDir, port })).then((port) =>
        postgresUrl(port, 'ropeline'),
      ),
  ]);
}

async function redisBinary({ config, cache, progress }: Installation): Promise<string> {
  if (config.redisUrl !== undefined && config.ticketRedisUrl !== undefined) return '';
  const found = findRedis(cache, config.redisServer);
  if (found !== undefined) return found.file;
  if (config.redisServer !== undefined) throw new Refusal(`REDIS_SERVER is no redis-server 7 or newer.`);
  progress.line('  Fetching redis-server ...');
  let file = '';
  await progress.step('redis-server', async () => {
    try {
      const supplied = await supplyRedis(cache);
      file = supplied.file;
      return supplied.version;
    } catch (error) {
      throw new Refusal(error instanceof Error ? error.message : String(error), { cause: error });
    }
  });
  return file;
}
