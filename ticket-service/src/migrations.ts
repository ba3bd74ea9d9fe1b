import { fileURLToPath } from 'node:url';
import type { Logger } from '@ropeline/core/log.ts';
import { runner } from 'node-pg-migrate';

const folder = fileURLToPath(new URL('../migrations', import.meta.url));

/**
 * Brings the schema up to date: every file of `migrations/` that has not run, in order, all or none. May be run
 * by many at once: the others wait for the first and find nothing to do. Returns what ran.
 */
export async function runMigrations(databaseUrl: string, log: Logger): Promise<readonly string[]> {
  const ran = await runner({
    databaseUrl: {
      connectionString: databaseUrl,
      application_name: 'migrate',
      connectionTimeoutMillis: 10_000,
    },
    dir: folder,
    ignorePattern: '(?!.*\\.sql$).*',
    migrationsTable: 'migrations',
    direction: 'up',
    singleTransaction: true,
    advisoryLockMode: 'wait',
    logger: { debug: noted, info: noted, warn: (text) => log.warn(text), error: (text) => log.error(text) },
  });
  return ran.map(({ name }) => name);

  function noted(text: string): void {
    log.debug(text);
  }
}
