import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRedis, type Redis, untilReady } from '@ropeline/core/redis/connect.ts';
import { type OrderRecord, orderFields } from '@ropeline/core/stock/order-record.ts';
import { fixPartitions } from '@ropeline/core/stock/partitions.ts';
import { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { stockKeys } from '@ropeline/core/stock/stock-keys.ts';
import { type RedisServer, startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { silentLog } from './orders.ts';

export type TestStock = {
  readonly server: RedisServer;
  readonly redis: Redis;
  readonly stock: StockClient;
  /** Kills Redis and starts it again on the same port, from its files if it is durable. */
  readonly restart: () => Promise<void>;
};

/** A Redis of its own with an open stock, as the ticket service leaves it. */
export async function startStock(
  partitions = 2,
  { durable = false }: { readonly durable?: boolean } = {},
): Promise<TestStock> {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-stock-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const files = durable ? ({ folder, appendfsync: 'always' } as const) : {};
  const server = cleanedUp(await startRedis(files), (it) => it.stop());
  const redis = cleanedUp(connectRedis(server.url, { name: 'test', log: silentLog }), (it) =>
    it.disconnect(),
  );
  await untilReady(redis);
  await fixPartitions(redis, partitions);
  for (let partition = 0; partition < partitions; partition += 1) {
    await redis.set(stockKeys(partition).epoch, 'epoch-1');
  }
  const stock = await StockClient.open(redis);
  if (stock === undefined) throw new Error('the stock did not open');
  const restart = async (): Promise<void> => {
    await server.kill();
    cleanedUp(await startRedis({ ...files, port: server.port }), (it) => it.stop());
    await untilReady(redis);
  };
  return { server, redis, stock, restart };
}

/** Appends snapshots to a partition's outbox as the scripts do, and keeps the order's hash beside it. */
export async function append(
  { redis, stock }: TestStock,
  partition: number,
  ...orders: readonly OrderRecord[]
): Promise<void> {
  const keys = stock.keysOf(partition);
  const pipeline = redis.pipeline();
  for (const order of orders) {
    const flat = orderFields.flatMap((field) => [field, String(order[field])]);
    pipeline.hset(keys.order(order.orderId), ...flat);
    pipeline.xadd(keys.outbox, '*', ...flat);
  }
  const replies = await pipeline.exec();
  for (const [error] of replies ?? []) if (error !== null) throw error;
}

/** Entries that Postgres has not confirmed, of all partitions. */
export async function backlog({ redis, stock }: TestStock): Promise<number> {
  const lengths = await Promise.all(stock.keys.map(({ outbox }) => redis.xlen(outbox)));
  return lengths.reduce((sum, length) => sum + length, 0);
}
