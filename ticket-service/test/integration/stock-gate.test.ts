import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@ropeline/core/log.ts';
import { connectPostgres } from '@ropeline/core/postgres/connect.ts';
import { connectRedis, untilReady } from '@ropeline/core/redis/connect.ts';
import { expect, it } from 'vitest';
import { type RedisOptions, startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp, freshDatabase } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { prepareOfferStock } from '../../src/inventory/prepare-stock.ts';
import { StockGate } from '../../src/inventory/stock-gate.ts';
import { runMigrations } from '../../src/migrations.ts';

const log = createLog('test', 'silent');

async function gateOn(options: RedisOptions, relaxed: boolean) {
  const server = cleanedUp(await startRedis(options), (it) => it.stop());
  const redis = cleanedUp(connectRedis(server.url, { name: 'test', log }), (it) => it.disconnect());
  await untilReady(redis);
  const databaseUrl = await freshDatabase();
  await runMigrations(databaseUrl, log);
  const postgres = cleanedUp(connectPostgres(databaseUrl, { name: 'test', log }), (it) => it.end());
  const prepare = (stock: Parameters<typeof prepareOfferStock>[0]) =>
    prepareOfferStock(stock, { id: 1, shards: 1 }, 5);
  const gate = new StockGate({ redis, postgres, log, relaxed, prepare, retryMs: 20 });
  cleanedUp(gate, (it) => it.stop());
  await gate.start();
  return { gate, redis, postgres, server };
}

const insertOrder = `
  with offer as (insert into offers (offer_id, kind, title, capacity, price_minor, currency)
    values (1, 'pool', 'one', 5, 1, 'KRW'))
  insert into orders (order_id, version, state, offer_id, member_id, units, quantity, amount_minor, currency, attempt,
    entry, idempotency_key, body_hash, hold_until, created_at, updated_at)
  values (gen_random_uuid(), 1, 'EXPIRED', 1, 'm', '1', 1, 1, 'KRW', 0, '', '', '', now(), now(), now())`;

it('sells only from a Redis that syncs before it answers and evicts nothing', async () => {
  const { gate } = await gateOn({}, false);
  expect(gate.missing().join()).toMatch(/not durable: appendonly is no/);
  expect(() => gate.stock).toThrow(expect.objectContaining({ code: 'not-ready', status: 503 }));
});

it('looks again when the connection is made anew while it looks', async () => {
  const { redis, postgres } = await gateOn({}, true);
  let looks = 0;
  const prepare = async (): Promise<void> => {
    looks += 1;
    if (looks > 1) return;
    redis.disconnect(true);
    await once(redis, 'ready');
  };
  const gate = new StockGate({ redis, postgres, log, relaxed: true, prepare, retryMs: 20 });
  cleanedUp(gate, (it) => it.stop());
  await gate.start();
  expect(gate.missing()).toEqual(['stock: reconnected']);
  await until(() => gate.missing().length === 0);
  expect(looks).toBe(2);
});

it('opens on a durable one, and on any when told so', async () => {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-gate-')), (it) =>
    rmSync(it, { recursive: true }),
  );
  const durable = await gateOn({ folder, appendfsync: 'always' }, false);
  expect(durable.gate.missing()).toEqual([]);
  expect((await gateOn({}, true)).gate.missing()).toEqual([]);
});

it('shuts when the durability is taken away and the connection is made anew, and opens when it is back', async () => {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-gate-')), (it) =>
    rmSync(it, { recursive: true }),
  );
  const { gate, redis, server } = await gateOn({ folder, appendfsync: 'always' }, false);
  const other = cleanedUp(connectRedis(server.url, { name: 'other', log }), (it) => it.disconnect());
  await untilReady(other);
  await other.config('SET', 'appendfsync', 'everysec');
  await other.client('KILL', 'ID', await redis.client('ID'));
  await until(() => /appendfsync is everysec/.test(gate.missing().join()));
  await other.config('SET', 'appendfsync', 'always');
  await until(() => gate.missing().length === 0);
});

it('is shut while an emptied Redis is built anew, and opens under a new epoch', async () => {
  const { gate, redis, postgres } = await gateOn({}, true);
  await postgres.query(insertOrder);
  const before = gate.stock.epoch;
  await redis.flushall();
  gate.shut('a script met another epoch');
  expect(() => gate.stock).toThrow(expect.objectContaining({ code: 'not-ready' }));
  await until(() => gate.missing().length === 0);
  expect(gate.stock.epoch).not.toBe(before);
});

it('opens an empty Redis with an empty Postgres once, whoever else does so at the same time', async () => {
  const { redis, postgres } = await gateOn({}, true);
  await redis.flushall();
  const prepare = (stock: Parameters<typeof prepareOfferStock>[0]) =>
    prepareOfferStock(stock, { id: 1, shards: 1 }, 5);
  const gates = Array.from({ length: 4 }, () =>
    cleanedUp(new StockGate({ redis, postgres, log, relaxed: true, prepare }), (it) => it.stop()),
  );
  await Promise.all(gates.map((gate) => gate.start()));
  expect(gates.map((gate) => gate.missing())).toEqual([[], [], [], []]);
  const epochs = await redis.mget(await redis.keys('*:epoch'));
  expect(epochs).toHaveLength(4);
  expect(new Set(epochs).size).toBe(1);
});
