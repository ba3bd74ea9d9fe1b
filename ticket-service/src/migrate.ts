import { ConfigError, loadSettings } from '@ropeline/core/config.ts';
import { createLog } from '@ropeline/core/log.ts';
import { migrateSettings } from './config.ts';
import { runMigrations } from './migrations.ts';

/** The migration step: run before the services start. */
try {
  // biome-ignore lint/style/noProcessEnv: a program of its own, as main.ts is.
  const config = loadSettings(migrateSettings, process.env);
  const log = createLog('migrate', config.logLevel);
  const ran = await runMigrations(config.databaseUrl, log);
  log.info({ ran }, 'schema is up to date');
} catch (error) {
  process.stderr.write(
    `${error instanceof ConfigError ? error.message : `migration failed: ${String(error)}`}\n`,
  );
  process.exitCode = 1;
}
