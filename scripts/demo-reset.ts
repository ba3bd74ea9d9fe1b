import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLog } from '@ropeline/core/log.ts';
import { resetDemo } from '../ticket-service/src/demo/reset-demo.ts';
import { readAddresses } from './start/addresses.ts';

/** `npm run demo:reset`: puts the demo's stock back, while `npm start` runs or on the services of the environment. */
const root = dirname(dirname(fileURLToPath(import.meta.url)));

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const running = readAddresses(resolve(root, process.env['DATA_DIR'] || '.data'));
  const databaseUrl = process.env['DATABASE_URL'] || running?.database;
  const ticketRedisUrl = process.env['TICKET_REDIS_URL'] || running?.ticketRedis;
  if (databaseUrl === undefined || ticketRedisUrl === undefined)
    throw new Error('Nothing runs here: run npm start first, or set DATABASE_URL and TICKET_REDIS_URL.');
  const log = createLog('demo-reset', 'error');
  const { orders, isOpen } = await resetDemo({ databaseUrl, ticketRedisUrl, log });
  console.log(`The demo's stock is back; ${orders} orders are deleted.`);
  if (!isOpen) console.log('It is for sale when a ticket service runs.');
}
