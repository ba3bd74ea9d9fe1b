import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectPostgres, type Pool } from '@ropeline/core/postgres/connect.ts';
import { newOrderId } from '@ropeline/core/stock/order-id.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';
import { describe, expect, test } from 'vitest';
import { freePort } from '../../../scripts/services/free-port.ts';
import { startPostgres } from '../../../scripts/services/postgres-server.ts';
import { migratedDatabase } from '../../../testing/migrated-database.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { type SpawnedService, spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { addOffers, anOrder, moved, silentLog, storedOrders, takenOf } from '../support/orders.ts';
import { append, backlog, startStock, type TestStock } from '../support/start-stock.ts';

const spawnWorkers = (stock: TestStock, databaseUrl: string, env: Record<string, string> = {}) =>
  spawnService('workers/src/main.ts', 'WORKERS_PORT', {
    TICKET_REDIS_URL: stock.server.url,
    DATABASE_URL: databaseUrl,
    ...env,
  });

async function database(
  ...capacities: readonly number[]
): Promise<{ readonly url: string; readonly pool: Pool }> {
  const url = await migratedDatabase();
  const pool = cleanedUp(connectPostgres(url, { name: 'test', log: silentLog }), (it) => it.end());
  await addOffers(pool, ...capacities);
  return { url, pool };
}

/** Appends orders with all their transitions, a few at a time, while `more` says so; returns what it appended. */
async function keepSelling(
  stock: TestStock,
  partition: number,
  more: () => boolean,
): Promise<readonly OrderRecord[]> {
  const last: OrderRecord[] = [];
  const { outbox } = stock.stock.keysOf(partition);
  while (more()) {
    // A shop is never quicker than its workers for long.
    await until(async () => !more() || (await stock.redis.xlen(outbox)) < 1_000);
    const batch = Array.from({ length: 20 }, () => anOrder({ orderId: newOrderId(partition) }));
    await append(stock, partition, ...batch);
    const paying = batch.map((order) => moved(order, 'PAYING', { attempt: 1 }));
    await append(stock, partition, ...paying);
    const settled = paying.map((order, at) => moved(order, at % 5 === 0 ? 'CANCELLED' : 'COMPLETED'));
    await append(stock, partition, ...settled);
    last.push(...settled);
  }
  return last;
}

/** Every order is there once, in its last state, and the count of the offer is theirs. */
async function expectAllPersisted(pool: Pool, orders: readonly OrderRecord[]): Promise<void> {
  const stored = await storedOrders(pool);
  const asRows = orders.map(({ orderId, version, state }) => ({ orderId, version, state }));
  const byId = (a: { readonly orderId: string }, b: { readonly orderId: string }): number =>
    a.orderId < b.orderId ? -1 : 1;
  expect([...stored].sort(byId)).toEqual(asRows.sort(byId));
  expect(await takenOf(pool)).toBe(orders.filter(({ state }) => state === 'COMPLETED').length);
}

async function metric(service: SpawnedService, name: string): Promise<number> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

describe('the workers', () => {
  test('persist what the outbox gets, empty it, and let Redis forget what is over', async () => {
    const stock = await startStock();
    const { url, pool } = await database(10_000);
    const workers = await spawnWorkers(stock, url);
    await until(async () => (await fetch(`${workers.url}/health/ready`)).ok);
    let rounds = 0;
    const orders = await keepSelling(stock, 1, () => ++rounds <= 20);
    await until(async () => (await backlog(stock)) === 0);
    const order = orders.at(-1) as OrderRecord;
    const left = await stock.redis.pttl(stock.stock.keysOf(1).order(order.orderId));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(60_000);
    await expectAllPersisted(pool, orders);
    expect(await metric(workers, 'ropeline_workers_outbox_backlog_entries')).toBe(0);
    expect(await metric(workers, 'ropeline_workers_rows_total')).toBeGreaterThanOrEqual(orders.length);
    expect(await workers.stop()).toBe(0);
  });

  test('killed in the middle, again and again and beside others, lose nothing and write nothing twice', async () => {
    const stock = await startStock();
    const { url, pool } = await database(100_000);
    let killed = 0;
    const selling = Promise.all([0, 1].map((partition) => keepSelling(stock, partition, () => killed < 3)));
    await spawnWorkers(stock, url, { WORKERS_CHUNK_ENTRIES: '30' });
    while (killed < 3) {
      const before = (await storedOrders(pool)).length;
      const workers = await spawnWorkers(stock, url, { WORKERS_CHUNK_ENTRIES: '30' });
      await until(async () => (await storedOrders(pool)).length > before + 100);
      await workers.kill();
      killed += 1;
    }
    const orders = (await selling).flat();
    await until(async () => (await backlog(stock)) === 0);
    await expectAllPersisted(pool, orders);
  });

  test('wait while Postgres is away and catch up by themselves when it is back', async () => {
    const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-pg-')), (path) =>
      rmSync(path, { recursive: true, force: true }),
    );
    const port = await freePort();
    const first = cleanedUp(await startPostgres({ folder, port }), (it) => it.kill());
    await migratedDatabase(first.url);
    const pool = cleanedUp(connectPostgres(first.url, { name: 'test', log: silentLog }), (it) => it.end());
    await addOffers(pool, 100_000);
    const stock = await startStock();
    const workers = await spawnWorkers(stock, first.url);
    let back = false;
    const selling = keepSelling(stock, 0, () => !back);
    await until(async () => (await storedOrders(pool)).length > 100);

    await first.kill();
    await until(async () => (await backlog(stock)) > 500);
    expect((await fetch(`${workers.url}/health/ready`)).status).toBe(503);
    expect((await fetch(`${workers.url}/health/live`)).status).toBe(200);
    await until(async () => (await metric(workers, 'ropeline_workers_retries_total')) > 1);
    cleanedUp(await startPostgres({ folder, port }), (it) => it.stop());
    back = true;

    const orders = await selling;
    await until(async () => (await backlog(stock)) === 0);
    await expectAllPersisted(pool, orders);
  });

  test('survive the death of Redis and go on from its files', async () => {
    const stock = await startStock(2, { durable: true });
    const { url, pool } = await database(100_000);
    await spawnWorkers(stock, url);
    let rounds = 0;
    const before = await keepSelling(stock, 0, () => ++rounds <= 10);
    await stock.restart();
    rounds = 0;
    const after = await keepSelling(stock, 0, () => ++rounds <= 10);
    await until(async () => (await backlog(stock)) === 0);
    await expectAllPersisted(pool, [...before, ...after]);
  });

  test('begin when the stock is opened, not before', async () => {
    const stock = await startStock();
    await stock.redis.del('ropeline:stock:partitions');
    const { url, pool } = await database(10);
    const workers = await spawnWorkers(stock, url);
    expect(await (await fetch(`${workers.url}/health/ready`)).json()).toMatchObject({ missing: ['stock'] });
    await append(stock, 0, anOrder());
    await stock.redis.set('ropeline:stock:partitions', '2');
    await until(async () => (await storedOrders(pool)).length === 1);
    expect((await fetch(`${workers.url}/health/ready`)).status).toBe(200);
  });

  test('list dead letters and re-drive them for an operator, and nobody else', async () => {
    const stock = await startStock();
    const { url, pool } = await database(0);
    const workers = await spawnWorkers(stock, url, { WORKERS_TOKEN: 'a-token-of-the-operator' });
    await append(stock, 0, anOrder());
    await until(async () => (await backlog(stock)) === 0);
    const call = async (path: string, method = 'GET', token = 'a-token-of-the-operator') => {
      const headers = { authorization: `Bearer ${token}` };
      const response = await fetch(`${workers.url}${path}`, { method, headers });
      return { status: response.status, body: (await response.json()) as { deadLetters?: { id: number }[] } };
    };
    expect((await call('/dead-letters', 'GET', 'a-token-of-somebody')).status).toBe(401);
    const listed = await call('/dead-letters');
    expect(listed.body.deadLetters).toHaveLength(1);
    const redrive = `/dead-letters/${listed.body.deadLetters?.[0]?.id}/redrive`;
    expect((await call(redrive, 'POST')).status).toBe(409);
    expect((await call('/dead-letters/999/redrive', 'POST')).status).toBe(404);
    expect((await call('/dead-letters/0x1/redrive', 'POST')).status).toBe(400);
    expect((await call('/dead-letters?limit=0')).status).toBe(400);
    await pool.query('update offers set capacity = 1');
    expect((await call(redrive, 'POST')).status).toBe(200);
    expect((await call('/dead-letters')).body.deadLetters).toEqual([]);
    expect((await call('/dead-letters?all=true')).body.deadLetters).toHaveLength(1);
    expect(await takenOf(pool)).toBe(1);
  });
});
