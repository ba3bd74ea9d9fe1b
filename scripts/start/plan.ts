import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Values } from '@ropeline/core/config.ts';
import { findRedis, howToSupply } from '../supply/redis-binary.ts';
import type { settings } from './settings.ts';

type Situation = {
  readonly dataDir: string;
  readonly cache: string;
  readonly config: Values<typeof settings>;
  readonly reset: boolean;
};

/** What a start is about to do, before it does any of it. */
export function plan({ dataDir, cache, config, reset }: Situation): string {
  const redis = findRedis(cache, config.redisServer);
  const needsRedis = config.redisUrl === undefined || config.ticketRedisUrl === undefined;
  const first = reset || !existsSync(join(dataDir, 'postgres', 'data'));
  const steps = [
    reset ? `delete all state in ${dataDir}` : undefined,
    needsRedis && redis === undefined
      ? `supply redis-server: ${howToSupply() ?? 'you will be told how'}`
      : undefined,
    config.redisUrl === undefined ? `start a private Redis for the queue${version(redis)}` : 'use REDIS_URL',
    config.ticketRedisUrl === undefined
      ? 'start a private Redis for the stock (syncs its file before it answers)'
      : 'use TICKET_REDIS_URL',
    config.databaseUrl === undefined
      ? `${first ? 'create and start' : 'start'} a private Postgres`
      : 'use DATABASE_URL',
    'build the pages if their sources have changed',
    'migrate the database and seed the demo where it is missing: 1,000 tickets, members testuser1..9000 (qwer1234)',
    `start ${config.gateways === 1 ? 'a gateway' : `${config.gateways} gateways`}, the ticket service, the workers and the payment simulator`,
  ];
  return [
    'Ropeline will',
    ...steps.flatMap((step) => step ?? []).map((step) => `  - ${step}`),
    `State: ${dataDir}`,
    '',
  ].join('\n');
}

function version(redis: { readonly file: string; readonly version: string } | undefined): string {
  return redis === undefined ? '' : ` (${redis.file}, ${redis.version})`;
}
