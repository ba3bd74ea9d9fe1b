import { setTimeout as delay } from 'node:timers/promises';
import { connectRedis, type Redis, untilReady } from '@ropeline/core/redis/connect.ts';
import { readPartitions } from '@ropeline/core/stock/partitions.ts';
import { stockKeys } from '@ropeline/core/stock/stock-keys.ts';
import { benchLog } from './lib/bench-room.ts';
import { writeOrders } from './lib/order-flood.ts';
import { table } from './lib/rounds.ts';
import { startShop } from './lib/shop.ts';
import { outboxLength } from './support/outbox-feed.ts';

/**
 * What an order costs the stock Redis: reserved over HTTP by as many members as orders, an entry and a key each, first
 * while it waits for Postgres, then while it lives, then when it is over, persisted and forgotten. By what Redis says
 * it uses, but for connections. Takes about 100 s: an order that is over is kept for a minute.
 */
const orders = 9_000;
const offerId = 1001;
const holdSeconds = 25;
const forgetMs = 100_000;

const shop = await startShop({
  env: { HOLD_SECONDS: String(holdSeconds) },
  prepare: (pool) =>
    pool.query(`insert into offers (offer_id, kind, title, capacity, price_minor, currency, rooms)
      values (${offerId}, 'pool', 'bench', 1000000, 50000, 'KRW', '{demo}')`),
});
const redis = connectRedis(shop.redisUrl, { name: 'bench', log: benchLog, commandTimeoutMs: 10_000 });
try {
  await untilReady(redis);
  const partitions = (await readPartitions(redis)) ?? 1;
  const before = await usedBytes(redis);
  const first = await writeOrders(shop, offerId, orders);
  const waiting = await usedBytes(redis);
  await shop.startWorkers();
  while ((await outboxLength(redis, partitions)) > 0) await delay(20);
  const living = await usedBytes(redis);
  const kept = await costs(redis, partitions, first);
  await until(async () => (await orderKeys(redis)) === 0, forgetMs);
  while ((await outboxLength(redis, partitions)) > 0) await delay(20);
  const over = await usedBytes(redis);
  const each = (bytes: number): string => ((bytes - before) / orders).toFixed(0);
  console.log(
    table([
      [`${orders} orders of a pool`, 'bytes an order'],
      ['accepted, not yet in Postgres (outbox entry included)', each(waiting)],
      ['RESERVED, in Postgres', each(living)],
      ['over, persisted and forgotten', each(over)],
      ['', ''],
      ['of which, while it lives (MEMORY USAGE of one)', ''],
      ...kept,
    ]),
  );
  console.log(
    '\nWhat is left is the entry binding, the count of the entry, the key and the list of the member, which',
  );
  console.log(
    'end within a day or two, and a field of the member in the offer, which stays as long as the offer.',
  );
} finally {
  redis.disconnect();
  await shop.stop();
}

async function usedBytes(of: Redis): Promise<number> {
  await of.call('MEMORY', 'PURGE');
  const info = await of.info('memory');
  const read = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
  // Buffers of connections come with the workers, whatever the number of orders.
  return ['mem_clients_normal', 'mem_aof_buffer', 'used_memory_scripts'].reduce(
    (bytes, name) => bytes - read(name),
    read('used_memory'),
  );
}

async function orderKeys(of: Redis): Promise<number> {
  let [cursor, found] = ['0', 0];
  do {
    const [next, keys] = await of.scan(cursor, 'MATCH', 'ropeline:{stock:*}:order:*', 'COUNT', 5_000);
    [cursor, found] = [next, found + keys.length];
  } while (cursor !== '0');
  return found;
}

async function until(isDone: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isDone())) {
    if (performance.now() > deadline) throw new Error('orders that are over were not forgotten');
    await delay(500);
  }
}

/** By key, of one order. */
async function costs(
  of: Redis,
  partitions: number,
  order: { orderId: string; member: string; entry: string; key: string },
): Promise<string[][]> {
  const rows: string[][] = [];
  for (let at = 0; at < partitions; at += 1) {
    const keys = stockKeys(at);
    const names = {
      order: keys.order(order.orderId),
      'idempotency key': keys.idempotency(offerId, order.member, order.key),
      'orders of the member': keys.memberOrders(order.member),
      'units of the entry': keys.entryUnits(offerId, order.entry),
      'entry binding': keys.entry(order.entry),
    };
    for (const [what, key] of Object.entries(names)) {
      const bytes = await of.memory('USAGE', key);
      if (bytes !== null) rows.push([`  ${what}`, String(bytes)]);
    }
  }
  return rows;
}
