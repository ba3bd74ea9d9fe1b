import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@ropeline/core/log.ts';
import { connectRedis, untilReady } from '@ropeline/core/redis/connect.ts';
import pg from 'pg';
import { freePort } from '../../../scripts/services/free-port.ts';
import { migratedDatabase } from '../../../testing/migrated-database.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { type SpawnedService, spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { runMigrations } from '../../src/migrations.ts';
import { type Answer, bearer, call, logIn } from './http.ts';
import { type RunningService, startService } from './start-service.ts';

export type Shop = {
  readonly running: RunningService;
  readonly pool: pg.Pool;
  /** Logs a member of the demo in, once; the access token. */
  readonly join: (id?: string) => Promise<string>;
  readonly order: (token: string, body: unknown, key?: string) => Promise<Answer>;
  readonly pay: (token: string, orderId: unknown) => Promise<Answer>;
  /** The same, asked again while the outcome is not known: where calls of the provider have little time. */
  readonly payInTheEnd: (token: string, orderId: unknown) => Promise<Answer>;
  readonly cancel: (token: string, orderId: unknown) => Promise<Answer>;
  readonly get: (token: string, path: string) => Promise<Answer>;
  readonly stock: (offerId?: number) => Promise<Record<string, unknown>>;
  readonly behave: (behaviour: Record<string, number>) => Promise<void>;
  /** Kills the payment provider as a crash would, and starts it again with its ledger. */
  readonly crashPayments: () => Promise<void>;
  /** The state of a charge in the provider's ledger; undefined when it has none. */
  readonly charged: (reference: string) => Promise<string | undefined>;
  /** Lets Redis forget an order now, as it does a minute after it was written down. */
  readonly forget: (orderId: string) => Promise<void>;
  readonly charges: () => Promise<Record<string, unknown>>;
  /** Of the payment provider. */
  readonly ledgerFile: string;
};

/** Beside the demo's: 11 has three units, 12 is limited to two for each member, 13 has been on sale for two days. */
const insertOffers = `
  insert into offers (offer_id, kind, title, capacity, price_minor, currency, rooms, per_member, created_at)
  values (11, 'pool', 'three', 3, 1500, 'KRW', '{demo}', null, now()),
    (12, 'pool', 'two each', 50, 999, 'EUR', '{demo}', 2, now()),
    (13, 'pool', 'old', 5, 10, 'KRW', '{demo}', null, now() - interval '2 days')`;

type Options = {
  readonly sourceSystems?: boolean;
  /** A stock Redis that runs already. */
  readonly redisUrl?: string;
  /** An empty database that is there already. */
  readonly databaseUrl?: string;
  /** The provider calls the shop back, signed with {@link callbackSecret}. */
  readonly callbacks?: boolean;
  /** By which address the service reaches its database. */
  readonly postgresBy?: (databaseUrl: string) => Promise<string>;
};
/** Where refunds cannot be made: they stay due. */
export const nobodyThere = 'http://127.0.0.1:1';
export const callbackSecret = 'a secret of the callbacks, of 32 bytes or more';

/** The ticket service with a payment provider of its own, for one test. */
export async function openShop(
  env: Record<string, string> = {},
  { callbacks = false, postgresBy = async (url) => url, ...options }: Options = {},
): Promise<Shop> {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-shop-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const ledgerFile = join(folder, 'ledger.jsonl');
  const [port, paymentPort] = [String(await freePort()), String(await freePort())];
  const callbackUrl = `http://127.0.0.1:${port}/api/webhooks/payments`;
  const secret = { PAYMENT_CALLBACK_SECRET: callbackSecret };
  const startPayments = (): Promise<SpawnedService> =>
    spawnService('payment-simulator/src/main.ts', 'PAYMENT_PORT', {
      PAYMENT_PORT: paymentPort,
      LEDGER_FILE: ledgerFile,
      ...(callbacks ? { PAYMENT_CALLBACK_URL: callbackUrl, ...secret } : {}),
    });
  let payments = await startPayments();
  const databaseUrl = options.databaseUrl ?? (await migratedDatabase());
  const pool = cleanedUp(new pg.Pool({ connectionString: databaseUrl, max: 2 }), (it) => it.end());
  // A connection may be lost while nobody uses it.
  pool.on('error', () => undefined);
  await runMigrations(databaseUrl, createLog('test', 'error'));
  await pool.query(insertOffers);
  const running = cleanedUp(
    await startService({
      ...options,
      databaseUrl,
      env: {
        ...{ TICKET_PORT: port, PAYMENT_URL: payments.url, DATABASE_URL: await postgresBy(databaseUrl) },
        ...secret,
        ...env,
      },
    }),
    (it) => it.stop(),
  );
  const tokens = new Map<string, string>();
  const act = (token: string, orderId: unknown, what: string) =>
    call(running, `/api/orders/${String(orderId)}/${what}`, { method: 'POST', headers: bearer(token) });
  return {
    running,
    pool,
    async join(id = 'testuser1') {
      const known = tokens.get(id);
      if (known !== undefined) return known;
      const token = await logIn(running, id);
      tokens.set(id, token);
      return token;
    },
    order: (token, json, key = randomUUID()) =>
      call(running, '/api/orders', { json, headers: { ...bearer(token), 'idempotency-key': key } }),
    pay: (token, orderId) => act(token, orderId, 'pay'),
    payInTheEnd: (token, orderId) =>
      until(async () => {
        const answer = await act(token, orderId, 'pay');
        return answer.status !== 202 && answer;
      }),
    cancel: (token, orderId) => act(token, orderId, 'cancel'),
    get: (token, path) => call(running, path, { headers: bearer(token) }),
    stock: async (offerId = 1) => (await call(running, `/api/offers/${offerId}/stock`)).body,
    async behave(behaviour) {
      const { ok, status } = await fetch(`${payments.url}/behaviour`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(behaviour),
      });
      if (!ok) throw new Error(`the provider does not behave: ${status}`);
    },
    async crashPayments() {
      await payments.kill();
      payments = await startPayments();
    },
    async charged(reference) {
      const response = await fetch(`${payments.url}/charges?reference=${encodeURIComponent(reference)}`);
      const { state } = (await response.json()) as { state?: string };
      return response.status === 404 ? undefined : state;
    },
    async forget(orderId) {
      const redis = connectRedis(running.redisUrl, { name: 'test', log: createLog('test', 'error') });
      await untilReady(redis);
      await until(async () => {
        const [key] = await redis.keys(`*:order:${orderId}`);
        return key !== undefined && (await redis.pttl(key)) > 0 && (await redis.del(key)) === 1;
      });
      redis.disconnect();
    },
    ledgerFile,
    charges: async () => (await (await fetch(`${payments.url}/ledger`)).json()) as Record<string, unknown>,
  };
}
