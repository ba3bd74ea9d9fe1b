import { createLog } from '../core/src/log.ts';
import { runMigrations } from '../ticket-service/src/migrations.ts';
import { freshDatabase } from './scope.ts';

/** A database of its own with the whole schema, or the schema put into the one of `url`. */
export async function migratedDatabase(url?: string): Promise<string> {
  const database = url ?? (await freshDatabase());
  await runMigrations(database, createLog('test', 'silent'));
  return database;
}
