import { ConfigError, loadSettings, type Values } from '@ropeline/core/config.ts';
import {
  callbackSettings,
  checkPaymentConfig,
  paymentSettings,
} from '@ropeline/core/payments/payment-settings.ts';
import * as setting from '@ropeline/core/settings.ts';
import {
  bindAddress,
  entryIssuer,
  logLevel,
  metricsToken,
  signalToken,
  trustedProxies,
} from '@ropeline/core/shared-settings.ts';

const databaseUrl = setting.url('DATABASE_URL', 'Postgres with the members, offers and orders');
const ticketRedisUrl = setting.redisAddress(
  'TICKET_REDIS_URL',
  'Redis with the stock; appendfsync always, noeviction',
  ['server', 'sentinel'],
);

/** Of the steps that run before the services: migrate and seed. */
export const migrateSettings = { databaseUrl, logLevel };

export const settings = {
  databaseUrl,
  ticketRedisUrl,
  logLevel,
  port: setting.port('TICKET_PORT', 'port of the ticket service', 8081),
  bindAddress,
  memberSecret: setting.secret('MEMBER_SECRET', 'signs the access tokens of members'),
  controlUrl: setting.url('CONTROL_URL', "the gateway's control plane, which is told the stock", {
    fallback: 'http://127.0.0.1:8090',
  }),
  signalToken,
  entryRequired: setting.boolean('ENTRY_REQUIRED', 'orders need an entry token', true),
  entryJwksUrl: setting.url('ENTRY_JWKS_URL', 'public keys of the entry tokens', {
    fallback: 'http://127.0.0.1:8080/_ropeline/jwks.json',
  }),
  entryIssuer,
  sourceRoutes: setting.boolean('SOURCE_ROUTES', 'the calls of the replaced systems', false),
  sourceRoutesToken: setting.optionalSecret(
    'SOURCE_ROUTES_TOKEN',
    'bearer token that the source routes ask for; required off loopback',
    16,
  ),
  durability: setting.oneOf(
    'DURABILITY',
    'strict: sell only while the stock Redis syncs every write to disk and evicts nothing',
    ['strict', 'relaxed'],
    'strict',
  ),
  reconcileSeconds: setting.integer(
    'RECONCILE_SECONDS',
    'how often Redis and Postgres are compared, by one service of several; 0 = never by this one',
    { min: 0, max: 3_600 },
    { fallback: 30, unit: 's' },
  ),
  stockReplicas: setting.integer(
    'STOCK_REPLICAS',
    'replicas of the stock Redis that must have an order before it is answered; under Sentinel 1 unless set',
    { min: 0, max: 8 },
    { fallback: 0 },
  ),
  outboxLimit: setting.integer(
    'OUTBOX_LIMIT',
    'entries of a stock partition that wait for Postgres from which nothing more is sold',
    { min: 1, max: 10_000_000 },
    { fallback: 200_000, unit: 'entries' },
  ),
  stockWatchers: setting.integer(
    'STOCK_WATCHERS',
    'connections that may watch stocks at once; more are told to come back',
    { min: 1, max: 1_000_000 },
    { fallback: 2_000, unit: 'connections' },
  ),
  holdSeconds: setting.integer(
    'HOLD_SECONDS',
    'how long a reservation holds its units',
    { min: 1, max: 86_400 },
    {
      fallback: 300,
      unit: 's',
    },
  ),
  ...paymentSettings,
  ...callbackSettings,
  settlePayments: setting.boolean(
    'SETTLE_PAYMENTS',
    'ask the provider for the outcome of payments that nobody waits for; one process of several is enough',
    true,
  ),
  trustedProxies,
  metricsToken,
  passwordParallelism: setting.integer(
    'PASSWORD_PARALLELISM',
    'passwords hashed at once; 0 = half the cores, so that the others are free for who is not logging in',
    { min: 0, max: 64 },
    { fallback: 0 },
  ),
  signupsPerMinute: setting.integer(
    'SIGNUPS_PER_MINUTE',
    'sign-ups per address, loopback excepted',
    { min: 1, max: 1_000_000 },
    {
      fallback: 20,
    },
  ),
  loginsPerMinute: setting.integer(
    'LOGINS_PER_MINUTE',
    'log-ins per address, loopback excepted',
    { min: 1, max: 1_000_000 },
    {
      fallback: 60,
    },
  ),
};
export type Config = Values<typeof settings>;

/** Throws {@link ConfigError} naming every problem. Addresses of neighbours follow their ports where only those are set. */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const config = loadSettings(settings, {
    ...env,
    PAYMENT_URL: env['PAYMENT_URL'] || local(env['PAYMENT_PORT']),
    CONTROL_URL: env['CONTROL_URL'] || local(env['CONTROL_PORT']),
    STOCK_REPLICAS: env['STOCK_REPLICAS'] || replicasOf(env['TICKET_REDIS_URL']),
    ENTRY_JWKS_URL: env['ENTRY_JWKS_URL'] || local(env['GATEWAY_PORT'], '/_ropeline/jwks.json'),
  });
  checkPaymentConfig(config);
  if (config.sourceRoutes && config.sourceRoutesToken === undefined && !isLoopback(config.bindAddress)) {
    throw new ConfigError([
      `SOURCE_ROUTES on ${config.bindAddress} needs SOURCE_ROUTES_TOKEN: anybody could call them without a token`,
    ]);
  }
  return config;
}

/** Sentinels put a replica in the master's place: what only the master knew would be gone. */
function replicasOf(redisUrl: string | undefined): string | undefined {
  return /^rediss?\+sentinel:/.test(redisUrl ?? '') ? '1' : undefined;
}

function local(port: string | undefined, path = ''): string | undefined {
  return port ? `http://127.0.0.1:${port}${path}` : undefined;
}

/** Whether an address is of this machine only. */
export function isLoopback(address: string): boolean {
  return /^(::ffff:)?127\.|^::1$|^localhost$/.test(address);
}
