import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@ropeline/core/log.ts';
import { connectPostgres, type Pool, type PoolClient } from '@ropeline/core/postgres/connect.ts';
import { beginLife } from '@ropeline/core/postgres/stock-life.ts';
import { inTransaction } from '@ropeline/core/postgres/transaction.ts';
import { connectRedis, untilReady } from '@ropeline/core/redis/connect.ts';
import { readPartitions } from '@ropeline/core/stock/partitions.ts';
import { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { lockStock } from '../inventory/stock-lock.ts';

type Options = {
  readonly databaseUrl: string;
  readonly ticketRedisUrl: string;
  readonly log: Logger;
};

export type ResetOutcome = {
  /** That were deleted, with their payments. */
  readonly orders: number;
  /** False while no ticket service has built the stock anew: the next one that starts does. */
  readonly isOpen: boolean;
};

const mostWaitMs = 15_000;

/**
 * Puts the demo's stock back while everything runs: offer 1, products, musicals, rooms 1 to 10 and coupon 104 are as
 * they were seeded, rooms that were made since are gone. Orders of other offers stay, as far as they are persisted.
 *
 * Deletes the orders in Postgres and begins another life of the stock: ticket services shut, build it anew from
 * Postgres, and open. What is sold while this works is void. The provider's ledger is not touched.
 */
export async function resetDemo({ databaseUrl, ticketRedisUrl, log }: Options): Promise<ResetOutcome> {
  const pool = connectPostgres(databaseUrl, { name: 'demo-reset', log, maxConnections: 1 });
  const redis = connectRedis(ticketRedisUrl, { name: 'demo-reset', log });
  try {
    await untilReady(redis);
    const partitions = await readPartitions(redis);
    if (partitions === undefined) return { orders: 0, isOpen: false };
    const stock = new StockClient(redis, partitions);
    await wait(async () => isPersisted(stock));
    const orders = await emptyBooks(pool, stock);
    return { orders, isOpen: await wait(() => stock.reopen()) };
  } finally {
    redis.disconnect();
    await pool.end();
  }
}

async function isPersisted({ redis, keys }: StockClient): Promise<boolean> {
  const lengths = await Promise.all(keys.map(({ outbox }) => redis.xlen(outbox)));
  return lengths.every((length) => length === 0);
}

function emptyBooks(pool: Pool, stock: StockClient): Promise<number> {
  return inTransaction(pool, async (client) => {
    await lockStock(client);
    await client.query('set local statement_timeout = 0');
    await beginLife(client, randomBytes(8).toString('hex'));
    const orders = await deleteOrders(client);
    await putOffersBack(client);
    // Last: from here on nothing is sold, and a ticket service waits for this transaction to end.
    await Promise.all(stock.keys.map(({ epoch }) => stock.redis.del(epoch)));
    return orders;
  });
}

async function deleteOrders(client: PoolClient): Promise<number> {
  const ofDemo = 'offer_id in (select offer_id from source_offers)';
  await client.query(
    `delete from payments using orders where orders.order_id = payments.order_id and orders.${ofDemo}`,
  );
  await client.query('delete from source_books');
  const { rowCount } = await client.query(`delete from orders where ${ofDemo}`);
  return rowCount ?? 0;
}

async function putOffersBack(client: PoolClient): Promise<void> {
  await client.query(
    `delete from offers using source_offers
     where source_offers.offer_id = offers.offer_id and source_offers.kind = 'room' and source_id > 10`,
  );
  await client.query('alter sequence source_room_ids restart');
  await client.query(
    `update offers set withdrawn_at = null, version = version + 1
     where withdrawn_at is not null and offer_id in (select offer_id from source_offers)`,
  );
  await client.query(
    `update offers set capacity = seeded.capacity, version = version + 1
     from (values (1, 1000), (104, 10000)) as seeded (offer_id, capacity)
     where offers.offer_id = seeded.offer_id and offers.capacity <> seeded.capacity`,
  );
}

/** False when it does not come true in time. */
async function wait(isTrue: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + mostWaitMs;
  while (!(await isTrue())) {
    if (performance.now() > deadline) return false;
    await delay(50);
  }
  return true;
}
