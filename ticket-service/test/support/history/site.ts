import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@ropeline/core/log.ts';
import { connectPostgres, type Pool } from '@ropeline/core/postgres/connect.ts';
import { connectRedis, type Redis, untilReady } from '@ropeline/core/redis/connect.ts';
import { freePort } from '../../../../scripts/services/free-port.ts';
import { type PostgresServer, startPostgres } from '../../../../scripts/services/postgres-server.ts';
import { type RedisServer, startRedis } from '../../../../scripts/services/redis-server.ts';
import { migratedDatabase } from '../../../../testing/migrated-database.ts';
import { cleanedUp } from '../../../../testing/scope.ts';
import { type SpawnedService, spawnService } from '../../../../testing/spawn-service.ts';
import { startTap } from '../../../../testing/tap.ts';
import { until } from '../../../../testing/until.ts';
import { AccessTokens } from '../../../src/members/access-tokens.ts';
import type { Taps } from '../kill-points.ts';
import { addOffers, type Sold } from './offers.ts';

export type Store = 'redis' | 'postgres' | 'simulator';

/** A process that is there several times, behind wires that can be cut. */
export type Process = {
  readonly what: 'ticket-service' | 'workers';
  taps: Taps;
  service: SpawnedService;
};

/** Everything behind the gateway as processes of its own, with their files: any of them may be killed and comes back. */
export type Site = {
  readonly pool: Pool;
  readonly redis: Redis;
  readonly ledgerFile: string;
  readonly processes: readonly Process[];
  /** Where a ticket service is that runs, or did a moment ago. */
  readonly ticketServices: () => readonly string[];
  readonly token: (member: string) => Promise<string>;
  readonly behave: (behaviour: Record<string, number>) => Promise<void>;
  /** `kill -9`, and up again with its files. */
  readonly crash: (store: Store) => Promise<void>;
  /** Starts a process that was killed, behind new wires. */
  readonly revive: (process: Process) => Promise<void>;
};

const log = createLog('test', 'silent');

export async function openSite(
  seed: number,
  offers: readonly Sold[],
  { holdSeconds }: { readonly holdSeconds: number },
): Promise<Site> {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-history-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const ports = { redis: await freePort(), postgres: await freePort(), simulator: await freePort() };
  const startStores = {
    redis: (): Promise<RedisServer> =>
      startRedis({ folder: join(folder, 'redis'), appendfsync: 'always', port: ports.redis }),
    postgres: (): Promise<PostgresServer> =>
      startPostgres({ folder: join(folder, 'postgres'), port: ports.postgres }),
  };
  let redisServer = cleanedUp(await startStores.redis(), (it) => it.kill());
  let postgresServer = cleanedUp(await startStores.postgres(), (it) => it.kill());
  const ledgerFile = join(folder, 'ledger.jsonl');
  let simulatorsLives = 0;
  const startSimulator = (): Promise<SpawnedService> =>
    spawnService('payment-simulator/src/main.ts', 'PAYMENT_PORT', {
      PAYMENT_PORT: String(ports.simulator),
      LEDGER_FILE: ledgerFile,
      // Another series in every life.
      PAYMENT_SEED: String((seed + 1_000 * simulatorsLives++) % 2 ** 32),
    });
  let simulator = await startSimulator();
  let behaviour: Record<string, number> = {};

  await migratedDatabase(postgresServer.url);
  const pool = cleanedUp(
    connectPostgres(postgresServer.url, { name: 'test', log, maxConnections: 2 }),
    (it) => it.end(),
  );
  await addOffers(pool, offers);
  const redis = cleanedUp(connectRedis(redisServer.url, { name: 'test', log }), (it) => it.disconnect());
  await untilReady(redis);

  const secret = randomBytes(32).toString('hex');
  const tokens = new AccessTokens(secret);
  const tapped = async (url: string) => cleanedUp(await startTap(url), (it) => it.stop());
  const openTaps = async (): Promise<Taps> => ({
    redis: await tapped(redisServer.url),
    postgres: await tapped(postgresServer.url),
    provider: await tapped(simulator.url),
  });
  const spawn = (what: Process['what'], taps: Taps): Promise<SpawnedService> =>
    spawnService(`${what}/src/main.ts`, what === 'workers' ? 'WORKERS_PORT' : 'TICKET_PORT', {
      TICKET_REDIS_URL: taps.redis.url,
      DATABASE_URL: taps.postgres.url,
      PAYMENT_URL: taps.provider.url,
      MEMBER_SECRET: secret,
      ENTRY_REQUIRED: 'false',
      HOLD_SECONDS: String(holdSeconds),
      PAYMENT_TIMEOUT_MS: '500',
      RECONCILE_SECONDS: '5',
      LOG_LEVEL: 'error',
    });
  const processes: Process[] = [];
  for (const what of ['ticket-service', 'ticket-service', 'workers', 'workers'] as const) {
    const taps = await openTaps();
    processes.push({ what, taps, service: await spawn(what, taps) });
  }

  return {
    pool,
    redis,
    ledgerFile,
    processes,
    ticketServices: () =>
      processes.filter(({ what }) => what === 'ticket-service').map(({ service }) => service.url),
    token: async (id) => (await tokens.issue({ id, role: 'member', sessionId: undefined })).token,
    behave,
    async crash(store) {
      switch (store) {
        case 'redis':
          await redisServer.kill();
          redisServer = cleanedUp(await startStores.redis(), (it) => it.kill());
          return;
        case 'postgres': {
          process.kill(postgresServer.pid, 'SIGKILL');
          await postgresServer.exited;
          // Its sessions see that it died, and leave the memory that they shared, a moment later.
          postgresServer = cleanedUp(await until(startStores.postgres, 20_000), (it) => it.kill());
          return;
        }
        case 'simulator':
          await simulator.kill();
          simulator = await startSimulator();
          await behave(behaviour);
          return;
        default:
          store satisfies never;
      }
    },
    async revive(process) {
      for (const tap of Object.values(process.taps)) await tap.stop();
      process.taps = await openTaps();
      process.service = await spawn(process.what, process.taps);
    },
  };

  async function behave(change: Record<string, number>): Promise<void> {
    behaviour = { ...behaviour, ...change };
    const response = await fetch(`${simulator.url}/behaviour`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(behaviour),
    });
    if (!response.ok) throw new Error(`the simulator does not behave: ${await response.text()}`);
  }
}
