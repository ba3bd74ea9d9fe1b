import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { orderFields } from '@ropeline/core/stock/order-record.ts';
import { stockKeys } from '@ropeline/core/stock/stock-keys.ts';
import pg from 'pg';
import { expect, it } from 'vitest';
import { freePort } from '../../../scripts/services/free-port.ts';
import { startPostgres } from '../../../scripts/services/postgres-server.ts';
import { migratedDatabase } from '../../../testing/migrated-database.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { bearer, call, logIn } from '../support/http.ts';
import { openSite, type Site } from '../support/kill-points.ts';
import { type RunningService, startService } from '../support/start-service.ts';
import { backlogOf, openStockRedis } from '../support/stock-redis.ts';

const reserve = (running: Pick<RunningService, 'url'>, token: string, key: string, offerId = 1) =>
  call(running as RunningService, '/api/orders', {
    json: { offerId, quantity: 1 },
    headers: { ...bearer(token), 'idempotency-key': key },
  });

async function one(pool: pg.Pool, sql: string): Promise<number> {
  return Number(Object.values((await pool.query(sql)).rows[0] ?? {})[0]);
}

it('without Postgres sales go on until the outbox is full, then 503; all is caught up when it is back', async () => {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-pg-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const port = await freePort();
  const postgres = cleanedUp(await startPostgres({ folder, port }), (it) => it.kill());
  await migratedDatabase(postgres.url);
  const pool = cleanedUp(new pg.Pool({ connectionString: postgres.url }), (it) => it.end());
  pool.on('error', () => undefined);
  const running = cleanedUp(
    await startService({ databaseUrl: postgres.url, env: { OUTBOX_LIMIT: '25' }, members: 3 }),
    (it) => it.stop(),
  );
  await spawnService('workers/src/main.ts', 'WORKERS_PORT', {
    TICKET_REDIS_URL: running.redisUrl,
    DATABASE_URL: postgres.url,
  });
  const redis = await openStockRedis(running.redisUrl);
  const token = await logIn(running);
  expect((await reserve(running, token, 'before')).status).toBe(201);
  await until(async () => (await one(pool, 'select count(*) from orders')) === 1);
  await until(async () => (await backlogOf(redis)) === 0);

  await postgres.kill();
  const sold: string[] = [];
  let refused = await reserve(running, token, 'k0');
  for (let at = 1; refused.status === 201; at += 1) {
    sold.push(String(refused.body['orderId']));
    refused = await reserve(running, token, `k${at}`);
  }
  expect(sold).toHaveLength(25);
  expect(refused).toMatchObject({
    status: 503,
    body: { code: 'unavailable', detail: 'Orders are being written down' },
  });
  expect(refused.headers.get('retry-after')).toBe('2');
  // What was sold is still told, and a repeat is a repeat: nobody is refused their own order.
  expect(await reserve(running, token, 'k3')).toMatchObject({ status: 200, body: { orderId: sold[3] } });
  const { body } = await call(running, `/api/orders/${sold[7]}`, { headers: bearer(token) });
  expect(body).toMatchObject({ state: 'RESERVED' });

  cleanedUp(await startPostgres({ folder, port }), (it) => it.stop());
  await until(async () => (await reserve(running, token, 'after')).status < 300);
  await until(async () => (await one(pool, 'select count(*) from orders')) === sold.length + 2);
  expect(await one(pool, 'select taken from offers where offer_id = 1')).toBe(sold.length + 2);
});

it('a poisoned entry is cut out: what stands before, beside and behind it is persisted', async () => {
  const site = await openSite();
  const { shop, redis } = site;
  const token = await shop.join();
  const order = async () => String((await shop.order(token, { offerId: 1, quantity: 1 })).body['orderId']);
  const before = [await order(), await order()];
  const { outbox } = stockKeys(partitionIn(before[0]));
  const [[, fields] = ['', []]] = await redis.xrange(outbox, '-', '+', 'COUNT', 1);
  const entry = (changes: Record<string, string>): string[] =>
    orderFields.flatMap((name) => [name, changes[name] ?? fields[fields.indexOf(name) + 1] ?? '']);
  const poison = '01890000-0000-7000-8000-000000000000';
  await redis.xadd(outbox, '*', 'not', 'an order');
  await redis.xadd(outbox, '*', ...entry({ orderId: poison, idempotencyKey: '', currency: 'won' }));
  const behind = [await order(), await order()];
  const workers = await site.spawn('workers');

  await until(async () => (await redis.xlen(outbox)) === 0);
  const { rows } = await shop.pool.query<{ order_id: string }>(
    'select order_id from orders order by created_at',
  );
  expect(rows.map(({ order_id }) => order_id).sort()).toEqual([...before, ...behind].sort());
  const letters = (await (await fetch(`${workers.url}/dead-letters`)).json()) as {
    readonly deadLetters: readonly { readonly subject: string; readonly error: string }[];
  };
  expect(letters.deadLetters).toHaveLength(2);
  expect(letters.deadLetters[0]).toMatchObject({ subject: `${poison}:1` });
  expect(letters.deadLetters[0]?.error).toContain('orders_currency_check');
  expect(await one(shop.pool, `select count(*) from events where correlation_id = '${poison}'`)).toBe(0);
  const later = await order();
  await until(
    async () => (await one(shop.pool, `select count(*) from orders where order_id = '${later}'`)) === 1,
  );
});

it('three ticket services and three workers act as one: every order once, sums equal in Redis and Postgres', async () => {
  const site = await openSite();
  const { shop } = site;
  const services: readonly { readonly url: string }[] = [
    shop.running,
    await site.spawn('ticket-service'),
    await site.spawn('ticket-service'),
  ];
  for (const _ of [1, 2, 3]) await site.spawn('workers');
  const tokens = await Promise.all([1, 2, 3, 4].map((at) => shop.join(`testuser${at}`)));
  const states: Record<string, string> = {};
  await Promise.all(
    Array.from({ length: 12 }, async (_, buyer) => {
      const token = tokens[buyer % tokens.length] ?? '';
      const at = (step: number) => services[(buyer + step) % services.length] as { readonly url: string };
      const act = async (step: number, id: string, what: string) =>
        (
          await fetch(`${at(step).url}/api/orders/${id}/${what}`, { method: 'POST', headers: bearer(token) })
        ).json();
      for (let round = 0; round < 10; round += 1) {
        // The same order is asked for at two services at once.
        const both = await Promise.all([0, 1].map((step) => reserve(at(step), token, `b${buyer}-${round}`)));
        const ids = both.map(({ body }) => String(body['orderId']));
        expect(new Set(ids).size, JSON.stringify(both.map(({ body }) => body))).toBe(1);
        const [id = ''] = ids;
        states[id] = 'RESERVED';
        if (round % 3 > 0) states[id] = ((await act(1, id, 'pay')) as { state: string }).state;
        if (round % 3 > 1) states[id] = ((await act(2, id, 'cancel')) as { state: string }).state;
      }
    }),
  );
  expect(Object.keys(states)).toHaveLength(120);
  await until(async () => {
    const { rows } = await shop.pool.query<{ order_id: string; state: string }>(
      'select order_id, state from orders',
    );
    return (
      JSON.stringify(sorted(rows.map((row) => [row.order_id, row.state]))) ===
      JSON.stringify(sorted(Object.entries(states)))
    );
  });
  const count = (state: string): number => Object.values(states).filter((other) => other === state).length;
  const sums = { held: count('RESERVED'), sold: count('COMPLETED') };
  await expect.poll(() => shop.stock()).toMatchObject(sums);
  expect(await one(shop.pool, 'select taken from offers where offer_id = 1')).toBe(
    count('RESERVED') + count('COMPLETED'),
  );
  await until(async () => (await shop.charges())['refunded'] === count('CANCELLED'));
  expect(await shop.charges()).toMatchObject({ paid: count('COMPLETED') });
  await expectEveryVersionOnce(site);
});

/** An event for each version of each order, counted once by one of the workers. */
async function expectEveryVersionOnce({ shop }: Site): Promise<void> {
  const { rows } = await shop.pool.query<{ versions: number; told: number }>(
    `select (select sum(version)::integer from orders) as versions,
       (select count(*)::integer from events where aggregate = 'order') as told`,
  );
  expect(rows[0]?.told).toBe(rows[0]?.versions);
  await until(async () => {
    const events = await one(shop.pool, 'select count(*) from events');
    return (await one(shop.pool, 'select sum(events) from event_tallies')) === events;
  });
}

const sorted = (pairs: readonly (readonly string[])[]) => pairs.map((pair) => pair.join(' ')).sort();

const partitionIn = (orderId: string | undefined): number => Number.parseInt(orderId?.slice(-2) ?? '', 16);
