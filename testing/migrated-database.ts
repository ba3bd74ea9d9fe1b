import { inject } from 'vitest';
import { createLog } from '../core/src/log.ts';
import { createDatabase } from '../scripts/services/postgres-server.ts';
import { runMigrations } from '../ticket-service/src/migrations.ts';
import { migratedTemplate } from './global-setup.ts';
import { nameDatabase } from './scope.ts';

/** A database of its own with the whole schema, or the schema put into the one of `url`. */
export async function migratedDatabase(url?: string): Promise<string> {
  if (url !== undefined) {
    await runMigrations(url, createLog('test', 'silent'));
    return url;
  }
  const fresh = nameDatabase();
  // Copied: a tenth of the work of all migrations.
  await createDatabase(inject('postgresUrl'), fresh.name, migratedTemplate);
  return fresh.url;
}
