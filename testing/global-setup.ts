import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { createLog } from '../core/src/log.ts';
import { createDatabase, startPostgres } from '../scripts/services/postgres-server.ts';
import { startRedis } from '../scripts/services/redis-server.ts';
import { runMigrations } from '../ticket-service/src/migrations.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly redisUrl: string;
    readonly postgresUrl: string;
  }
}

/** A database with the whole schema and nothing in it, to be copied. */
export const migratedTemplate = 'migrated';

/** One Redis and one Postgres for the whole run; tests take a room, a database or a Redis of their own. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'ropeline-test-'));
  const redis = await startRedis();
  const postgres = await startPostgres({ folder, settings: { fsync: 'off', max_connections: '300' } });
  await createDatabase(postgres.url, migratedTemplate);
  await runMigrations(postgres.url.replace(/ropeline$/, migratedTemplate), createLog('test', 'silent'));
  project.provide('redisUrl', redis.url);
  project.provide('postgresUrl', postgres.url);
  return async () => {
    await Promise.all([redis.stop(), postgres.stop()]);
    rmSync(folder, { recursive: true, force: true });
  };
}
