import { ConfigError, loadSettings } from '@ropeline/core/config.ts';
import { createLog } from '@ropeline/core/log.ts';
import { migrateSettings } from './config.ts';
import { seedDemo } from './demo/seed-demo.ts';

/** Puts the demo data where it is missing; run after the migrations. */
try {
  // biome-ignore lint/style/noProcessEnv: a program of its own, as main.ts is.
  const config = loadSettings(migrateSettings, process.env);
  const log = createLog('seed', config.logLevel);
  await seedDemo({ databaseUrl: config.databaseUrl, log });
  log.info('the demo data is there');
} catch (error) {
  process.stderr.write(
    `${error instanceof ConfigError ? error.message : `seeding failed: ${String(error)}`}\n`,
  );
  process.exitCode = 1;
}
