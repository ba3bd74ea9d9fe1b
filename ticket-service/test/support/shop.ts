import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@ropeline/core/log.ts';
import { connectRedis, untilReady } from '@ropeline/core/redis/connect.ts';
import pg from 'pg';
import { cleanedUp, freshDatabase } from '../../../testing/scope.ts';
import { type SpawnedService, spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { runMigrations } from '../../src/migrations.ts';
import { type Answer, bearer, call } from './http.ts';
import { type RunningService, startService } from './start-service.ts';

export type Shop = {
  readonly running: RunningService;
  readonly pool: pg.Pool;
  /** Logs a member of the demo in, once; the access token. */
  readonly join: (id?: string) => Promise<string>;
  readonly order: (token: string, body: unknown, key?: string) => Promise<Answer>;
  readonly pay: (token: string, orderId: unknown) => Promise<Answer>;
  readonly cancel: (token: string, orderId: unknown) => Promise<Answer>;
  readonly get: (token: string, path: string) => Promise<Answer>;
  readonly stock: (offerId?: number) => Promise<Record<string, unknown>>;
  readonly behave: (behaviour: Record<string, number>) => Promise<void>;
  /** Lets Redis forget an order now, as it does a minute after it was written down. */
  readonly forget: (orderId: string) => Promise<void>;
  readonly charges: () => Promise<Record<string, unknown>>;
};

/** Beside the demo's: 11 has three units, 12 is limited to two for each member, 13 has been on sale for two days. */
const insertOffers = `
  insert into offers (offer_id, kind, title, capacity, price_minor, currency, rooms, per_member, created_at)
  values (11, 'pool', 'three', 3, 1500, 'KRW', '{demo}', null, now()),
    (12, 'pool', 'two each', 50, 999, 'EUR', '{demo}', 2, now()),
    (13, 'pool', 'old', 5, 10, 'KRW', '{demo}', null, now() - interval '2 days')`;

/** The ticket service with a payment provider of its own, for one test. */
export async function openShop(env: Record<string, string> = {}): Promise<Shop> {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-shop-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const payments: SpawnedService = await spawnService('payment-simulator/src/main.ts', 'PAYMENT_PORT', {
    LEDGER_FILE: join(folder, 'ledger.jsonl'),
  });
  const databaseUrl = await freshDatabase();
  const pool = cleanedUp(new pg.Pool({ connectionString: databaseUrl, max: 2 }), (it) => it.end());
  await runMigrations(databaseUrl, createLog('test', 'error'));
  await pool.query(insertOffers);
  const running = cleanedUp(
    await startService({ databaseUrl, env: { PAYMENT_URL: payments.url, ...env } }),
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
      const { body } = await call(running, '/api/sessions', { json: { id, password: 'qwer1234' } });
      const token = String(body['accessToken']);
      tokens.set(id, token);
      return token;
    },
    order: (token, json, key = randomUUID()) =>
      call(running, '/api/orders', { json, headers: { ...bearer(token), 'idempotency-key': key } }),
    pay: (token, orderId) => act(token, orderId, 'pay'),
    cancel: (token, orderId) => act(token, orderId, 'cancel'),
    get: (token, path) => call(running, path, { headers: bearer(token) }),
    stock: async (offerId = 1) => (await call(running, `/api/offers/${offerId}/stock`)).body,
    async behave(behaviour) {
      await fetch(`${payments.url}/behaviour`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(behaviour),
      });
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
    charges: async () => (await (await fetch(`${payments.url}/ledger`)).json()) as Record<string, unknown>,
  };
}
