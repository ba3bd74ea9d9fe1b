import { logLevels } from '@ropeline/core/log.ts';
import { integer, oneOf, optionalSecret, port, text, url } from '@ropeline/core/settings.ts';

export const settings = {
  port: port('WORKERS_PORT', 'port of health, metrics and dead letters', 8083),
  bindAddress: text('BIND_ADDRESS', 'address to listen on', { fallback: '127.0.0.1' }),
  redisUrl: url('TICKET_REDIS_URL', 'the stock Redis: outbox and jobs'),
  databaseUrl: url('DATABASE_URL', 'the Postgres that orders are written to'),
  chunkEntries: integer(
    'WORKERS_CHUNK_ENTRIES',
    'most outbox entries in one range and one transaction',
    { min: 1, max: 1_000 },
    { fallback: 400, unit: 'entries' },
  ),
  metricsToken: optionalSecret('METRICS_TOKEN', 'when set, /metrics asks for it as bearer token', 16),
  workersToken: optionalSecret(
    'WORKERS_TOKEN',
    'bearer token of /dead-letters; when unset only loopback peers may call it',
    16,
  ),
  logLevel: oneOf('LOG_LEVEL', 'least severe level that is logged', logLevels, 'info'),
};
