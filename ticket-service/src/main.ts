import { ConfigError } from '@ropeline/core/config.ts';
import { Lifecycle, reportReady } from '@ropeline/core/lifecycle.ts';
import { createLog } from '@ropeline/core/log.ts';
import { createTicketService } from './app.ts';
import { type Config, loadConfig } from './config.ts';

/** The ticket service's process: reads its settings, listens, stops in order. */
const config = readConfig();
if (process.argv.includes('--check-config')) {
  process.stdout.write('the configuration is valid\n');
} else {
  await run(config);
}

async function run({ port, bindAddress, logLevel, durability, entryRequired }: Config): Promise<void> {
  const log = createLog('ticket-service', logLevel);
  // Longer than a call to the payment provider, shorter than `npm start` waits for all to end.
  const lifecycle = new Lifecycle(log, 6_500);
  lifecycle.listen();
  if (!entryRequired) log.warn('ENTRY_REQUIRED=false: orders are taken from anybody, past the waiting room');
  if (durability === 'relaxed') log.warn('DURABILITY=relaxed: a crash of the stock Redis may lose orders');
  const service = await createTicketService(config, log);
  lifecycle.onStop('ticket service', service.stop);
  await service.http.listen({ host: bindAddress, port });
  reportReady();
}

function readConfig(): Config {
  try {
    return loadConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
