import { emitOrderEvents } from '@ropeline/core/events/order-events.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { inTransaction } from '@ropeline/core/postgres/transaction.ts';
import { upsertOrders } from '@ropeline/core/postgres/upsert-orders.ts';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';
import { Queue, Worker } from 'bullmq';

const name = 'one-by-one';
const atOnce = 10;

/**
 * The usual way, to compare: one job and one transaction an order, into the same tables by the same statements, ten
 * at a time. Orders a second, from a queue that is full when it begins.
 */
export async function oneByOne(redis: Redis, pool: Pool, orders: readonly OrderRecord[]): Promise<number> {
  const jobs = redis.duplicate({ maxRetriesPerRequest: null });
  const queue = new Queue<OrderRecord>(name, { connection: jobs });
  for (let at = 0; at < orders.length; at += 500) {
    await queue.addBulk(orders.slice(at, at + 500).map((data) => ({ name, data, opts: once })));
  }
  let left = orders.length;
  const began = performance.now();
  const worker = new Worker<OrderRecord>(name, ({ data }) => persist(pool, data), {
    connection: jobs,
    concurrency: atOnce,
  });
  worker.on('error', () => undefined);
  try {
    await new Promise<void>((resolve, reject) => {
      worker.on('failed', (_job, error) => reject(error));
      worker.on('completed', () => {
        left -= 1;
        if (left === 0) resolve();
      });
    });
    return orders.length / ((performance.now() - began) / 1_000);
  } finally {
    await worker.close();
    await queue.close();
    jobs.disconnect();
  }
}

const once = { removeOnComplete: true, attempts: 1 };

function persist(pool: Pool, order: OrderRecord): Promise<void> {
  return inTransaction(pool, async (client) => {
    await upsertOrders(client, [order]);
    await emitOrderEvents(client, [order]);
  });
}
