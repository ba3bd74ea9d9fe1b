import { join } from 'node:path';
import { ConfigError } from '@ropeline/core/config.ts';
import { Lifecycle, reportReady } from '@ropeline/core/lifecycle.ts';
import { createLog } from '@ropeline/core/log.ts';
import { createApp } from './app.ts';
import { Ledger } from './ledger.ts';
import { loadConfig } from './settings.ts';

async function main(): Promise<void> {
  const config = loadConfig(process.env);
  if (process.argv.includes('--check-config')) return;
  const log = createLog('payment-simulator', config.logLevel);
  // Shorter than `npm start` waits for a service to stop.
  const lifecycle = new Lifecycle(log, 6_500);
  lifecycle.listen();

  const ledger = await Ledger.open(config.ledgerFile ?? join(config.dataDir, 'payments', 'ledger.jsonl'));
  lifecycle.onStop('ledger', () => ledger.close());
  const app = await createApp({
    log,
    ledger,
    seed: config.seed,
    target: config.target,
    metricsToken: config.metricsToken,
  });
  lifecycle.onStop('http', () => app.close());
  const address = await app.listen({ host: config.bindAddress, port: config.port });
  log.info({ address, ledger: ledger.summary() }, 'payment simulator is up');
  reportReady();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String(error)}\n`);
  process.exit(1);
});
