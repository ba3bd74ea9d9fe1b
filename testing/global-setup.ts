import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startPostgres } from '../scripts/services/postgres-server.ts';
import { startRedis } from '../scripts/services/redis-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly redisUrl: string;
    readonly postgresUrl: string;
  }
}

/** One Redis and one Postgres for the whole run; tests take a room, a database or a Redis of their own. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'ropeline-test-'));
  const redis = await startRedis();
  const postgres = await startPostgres({ folder, settings: { fsync: 'off', max_connections: '300' } });
  project.provide('redisUrl', redis.url);
  project.provide('postgresUrl', postgres.url);
  return async () => {
    await Promise.all([redis.stop(), postgres.stop()]);
    rmSync(folder, { recursive: true, force: true });
  };
}
