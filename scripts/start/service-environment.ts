import type { Values } from '@ropeline/core/config.ts';
import type { Addresses } from './addresses.ts';
import type { Ports } from './ports.ts';
import type { settings } from './settings.ts';

type Situation = {
  readonly config: Values<typeof settings>;
  readonly dataDir: string;
  readonly ports: Ports;
  readonly addresses: Addresses;
  readonly secrets: Record<string, string>;
};

/**
 * The environment of every process: the one of `npm start`, completed. What it sets stays; neighbours find each other
 * by the addresses of this machine.
 */
export function serviceEnvironment(
  given: NodeJS.ProcessEnv,
  { config, dataDir, ports, addresses, secrets }: Situation,
): NodeJS.ProcessEnv {
  const loopback = /^127\.|^::1$|^localhost$/.test(config.bindAddress);
  return {
    CONTROL_URL: addresses.control,
    ENTRY_JWKS_URL: `${addresses.gateway}/_ropeline/jwks.json`,
    PAYMENT_URL: addresses.payment,
    PAYMENT_CALLBACK_URL: `${addresses.ticket}/api/webhooks/payments`,
    UPSTREAM: addresses.ticket,
    // Anybody who reaches them may call them: by default for this machine only.
    SOURCE_ROUTES: String(loopback || given['SOURCE_ROUTES_TOKEN'] !== undefined),
    // All is to end within 8 s of Ctrl-C.
    DRAIN_SECONDS: '2',
    // uWebSockets.js refuses request headers beyond 4 KB by default and reads this when it is loaded.
    UWS_HTTP_MAX_HEADERS_SIZE: '16384',
    ...withoutEmpty(given),
    ...secrets,
    DATA_DIR: dataDir,
    BIND_ADDRESS: config.bindAddress,
    GATEWAYS: String(config.gateways),
    GATEWAY_PORT: String(ports.gateway),
    CONTROL_PORT: String(ports.control),
    TICKET_PORT: String(ports.ticket),
    PAYMENT_PORT: String(ports.payment),
    WORKERS_PORT: String(ports.workers),
    REDIS_URL: addresses.redis,
    TICKET_REDIS_URL: addresses.ticketRedis,
    DATABASE_URL: addresses.database,
  };
}

/** An empty variable counts as unset, here as in every process. */
function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
}
