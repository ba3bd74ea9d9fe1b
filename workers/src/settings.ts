import { paymentSettings } from '@ropeline/core/payments/payment-settings.ts';
import { integer, optionalSecret, port, redisAddress, url } from '@ropeline/core/settings.ts';
import { bindAddress, logLevel, metricsToken } from '@ropeline/core/shared-settings.ts';

export const settings = {
  port: port('WORKERS_PORT', 'port of health, metrics and dead letters', 8083),
  bindAddress,
  redisUrl: redisAddress('TICKET_REDIS_URL', 'the stock Redis: outbox and jobs', ['server', 'sentinel']),
  databaseUrl: url('DATABASE_URL', 'the Postgres that orders are written to'),
  chunkEntries: integer(
    'WORKERS_CHUNK_ENTRIES',
    'most outbox entries in one range and one transaction',
    { min: 1, max: 1_000 },
    { fallback: 400, unit: 'entries' },
  ),
  ...paymentSettings,
  metricsToken,
  workersToken: optionalSecret(
    'WORKERS_TOKEN',
    'bearer token of /dead-letters; when unset only loopback peers may call it',
    16,
  ),
  logLevel,
};
