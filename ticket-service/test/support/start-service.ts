import { randomBytes } from 'node:crypto';
import { createLog, type Logger } from '@ropeline/core/log.ts';
import { type RedisServer, startRedis } from '../../../scripts/services/redis-server.ts';
import { migratedDatabase } from '../../../testing/migrated-database.ts';
import { createTicketService, type TicketService } from '../../src/app.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { seedDemo } from '../../src/demo/seed-demo.ts';
import { runMigrations } from '../../src/migrations.ts';

export type RunningService = {
  readonly service: TicketService;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly config: Config;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly stop: () => Promise<void>;
};

type Options = {
  /** Settings that differ; `SIGNAL_TOKEN`, `ENTRY_JWKS_URL`, ... */
  readonly env?: Record<string, string>;
  /** One that runs already; without it one is started and stopped with the service. */
  readonly redisUrl?: string;
  readonly databaseUrl?: string;
  /** Fewer members make a test quicker. */
  readonly members?: number;
  /** With what the replaced systems sold: 200 musicals and all. */
  readonly sourceSystems?: boolean;
  readonly log?: Logger;
};

/**
 * The whole ticket service in this process, listening on a free port, with the demo data, on a database and a
 * Redis of its own. No entry is asked for unless `env` says so.
 */
export async function startService(options: Options = {}): Promise<RunningService> {
  const redis = options.redisUrl === undefined ? await startRedis() : undefined;
  try {
    return await serve(options, redis);
  } catch (error) {
    await redis?.stop();
    throw error;
  }
}

async function serve(options: Options, redis: RedisServer | undefined): Promise<RunningService> {
  const redisUrl = options.redisUrl ?? redis?.url ?? '';
  const databaseUrl = options.databaseUrl ?? (await migratedDatabase());
  const log = options.log ?? createLog('ticket-service-test', 'error');
  await runMigrations(databaseUrl, log);
  const { members = 20, sourceSystems = false } = options;
  await seedDemo({ databaseUrl, log, members, sourceSystems });
  const config = loadConfig({
    DATABASE_URL: databaseUrl,
    TICKET_REDIS_URL: redisUrl,
    MEMBER_SECRET: randomBytes(32).toString('hex'),
    ENTRY_REQUIRED: 'false',
    DURABILITY: 'relaxed',
    TICKET_PORT: '0',
    LOG_LEVEL: 'error',
    ...options.env,
  });
  const service = await createTicketService(config, log);
  const url = await service.http.listen({ host: '127.0.0.1', port: config.port });
  return {
    service,
    url,
    config,
    databaseUrl,
    redisUrl,
    async stop() {
      await service.stop();
      await redis?.stop();
    },
  };
}
