import { beforeAll, compareStreamIds, parseStreamId } from '@ropeline/core/jobs/stream-id.ts';
import type { PoolClient } from '@ropeline/core/postgres/connect.ts';
import { readLife } from '@ropeline/core/postgres/stock-life.ts';
import { readWatermark } from '@ropeline/core/postgres/watermarks.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';

/**
 * Why the stock in Redis is not the one that Postgres follows; undefined when it is. Lost are: a stock without an epoch
 * or with another, and one whose outbox ends before what Postgres has of it already (an older file, a replica that
 * lagged).
 */
export async function lossOf(stock: StockClient, client: PoolClient): Promise<string | undefined> {
  if (!(await stock.reopen())) return 'it has no epoch';
  const life = await readLife(client);
  if (life !== undefined && life !== stock.epoch) return 'it has another epoch';
  for (const partition of stock.keys.keys()) {
    const watermark = await readWatermark(client, partition);
    if (compareStreamIds(watermark, await lastId(stock, partition)) > 0) return 'it knows less than Postgres';
  }
  return undefined;
}

/** Of the last entry that the outbox ever had, also when all were dropped. */
async function lastId(stock: StockClient, partition: number): Promise<typeof beforeAll> {
  const { outbox } = stock.keysOf(partition);
  if ((await stock.redis.exists(outbox)) === 0) return beforeAll;
  const info: unknown = await stock.redis.xinfo('STREAM', outbox);
  return parseStreamId(String(field(info, 'last-generated-id')));
}

/** RESP3 answers a map, RESP2 a list of name and value. */
function field(reply: unknown, name: string): unknown {
  if (reply instanceof Map) return reply.get(name);
  if (Array.isArray(reply)) return reply[reply.indexOf(name) + 1];
  return (reply as Record<string, unknown>)[name];
}
