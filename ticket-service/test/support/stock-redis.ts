import { createLog } from '@ropeline/core/log.ts';
import { connectRedis, type Redis, untilReady } from '@ropeline/core/redis/connect.ts';
import { partitionOfOrder } from '@ropeline/core/stock/order-id.ts';
import { defaultPartitions } from '@ropeline/core/stock/partitions.ts';
import { stockKeys } from '@ropeline/core/stock/stock-keys.ts';
import { cleanedUp } from '../../../testing/scope.ts';

/** A client of the stock's Redis for the rest of the test. */
export async function openStockRedis(redisUrl: string): Promise<Redis> {
  const redis = cleanedUp(connectRedis(redisUrl, { name: 'test', log: createLog('test', 'silent') }), (it) =>
    it.disconnect(),
  );
  await untilReady(redis);
  return redis;
}

/** Entries of all partitions that Postgres has not confirmed. */
export async function backlogOf(redis: Redis): Promise<number> {
  const lengths = await Promise.all(
    Array.from({ length: defaultPartitions }, (_, at) => redis.xlen(stockKeys(at).outbox)),
  );
  return lengths.reduce((sum, length) => sum + length, 0);
}

/** As if all holds had run out. */
export async function runOutAll(redis: Redis): Promise<void> {
  for (let at = 0; at < defaultPartitions; at += 1)
    for (const orderId of await redis.zrange(stockKeys(at).holds, '0', '-1')) await runOut(redis, orderId);
}

/** As if the hold of an order had run out, whether somebody still looks after it or not. */
export async function runOut(redis: Redis, orderId: string): Promise<void> {
  const keys = stockKeys(partitionOfOrder(orderId) ?? 0);
  await redis.hset(keys.order(orderId), 'holdUntil', 1);
  await redis.zadd(keys.holds, 'XX', 1, orderId);
}
