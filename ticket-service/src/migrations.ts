import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from '@ropeline/core/log.ts';
import { runner } from 'node-pg-migrate';

const folder = fileURLToPath(new URL('../migrations', import.meta.url));

/** Longer nobody queues behind a migration that itself waits for a lock: less than a statement of a service may take. */
const lockTimeoutMs = 2_000;
const pauseMs = 500;

/**
 * Brings the schema up to date: every file of `migrations/` that has not run, in order, all or none; with `most`, only
 * so many. May be run by many at once, and while services run: it waits for the locks of others, and never keeps
 * others waiting while it waits. Returns what ran.
 */
export async function runMigrations(
  databaseUrl: string,
  log: Logger,
  most = Number.POSITIVE_INFINITY,
): Promise<readonly string[]> {
  for (;;) {
    try {
      return await migrate(databaseUrl, log, most);
    } catch (error) {
      if (!isBusy(error)) throw error;
      log.info({ err: error }, 'others hold the locks that a migration needs: it is tried again');
      await delay(pauseMs);
    }
  }
}

async function migrate(databaseUrl: string, log: Logger, count: number): Promise<readonly string[]> {
  const ran = await runner({
    databaseUrl: {
      connectionString: databaseUrl,
      application_name: 'migrate',
      connectionTimeoutMillis: 10_000,
      lock_timeout: lockTimeoutMs,
    },
    dir: folder,
    ignorePattern: '(?!.*\\.sql$).*',
    migrationsTable: 'migrations',
    direction: 'up',
    count,
    singleTransaction: true,
    advisoryLockMode: 'wait',
    logger: { debug: noted, info: noted, warn: noted, error: noted },
  });
  return ran.map(({ name }) => name);

  function noted(text: string): void {
    log.debug(text);
  }
}

/** A lock was not given in time (55P03), or two waited for each other (40P01): all was rolled back. */
function isBusy(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === '55P03' || code === '40P01';
}
