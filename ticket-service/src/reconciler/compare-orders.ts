import { outboxQueueName } from '@ropeline/core/jobs/outbox-jobs.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { readWatermark } from '@ropeline/core/postgres/watermarks.ts';
import { partitionOfOrder } from '@ropeline/core/stock/order-id.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';
import { tellOrder } from '@ropeline/core/stock/scripts.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import type { OrderRows } from '../orders/order-rows.ts';
import type { StockOrders } from '../orders/stock-orders.ts';

/**
 * What Redis and Postgres disagree about, and what is done.
 * - `told`: Postgres lacks a version though all that was written after it is there: its entry was lost. Appended again.
 * - `restored`: Postgres has an open order that Redis lost. Put back as it was, so that it is paid or expires.
 * - `differs`: Postgres has a higher version, or another state of the same. Nobody can say who is right: an operator.
 */
export type Finding = 'told' | 'restored' | 'differs';

type Parts = {
  readonly pool: Pool;
  readonly stock: StockClient;
  readonly orders: StockOrders;
  readonly rows: OrderRows;
  readonly log: Logger;
  readonly found: (finding: Finding) => void;
};

type Version = Pick<OrderRecord, 'orderId' | 'version' | 'state'>;

const pageOrders = 500;
/** A stream's ids and the orders' times are of one clock; this is more than a script takes. */
const marginMs = 1_000;

/**
 * Compares Redis and Postgres order by order and version by version, only what is older than the watermark: newer ones
 * are still on their way. Repairs through scripts that check the version; never writes a counter. May run anywhere, at
 * any time and more than once.
 */
export async function compareOrders(parts: Parts): Promise<void> {
  const settledBefore: number[] = [];
  for (const partition of parts.stock.keys.keys()) {
    const before = await settledUntil(parts, partition);
    settledBefore.push(before);
    await fromRedis(parts, partition, before);
  }
  await fromPostgres(parts, settledBefore);
}

/** Everything that changed before this time is in Postgres, if it was not lost. Unix ms of Redis. */
async function settledUntil({ pool, stock }: Parts, partition: number): Promise<number> {
  const [seconds] = await stock.redis.time();
  if ((await stock.redis.xlen(stock.keysOf(partition).outbox)) === 0)
    return Number(seconds) * 1_000 - marginMs;
  return (await readWatermark(pool, partition)).ms - marginMs;
}

async function fromRedis(parts: Parts, partition: number, before: number): Promise<void> {
  const { stock, rows } = parts;
  const prefix = stock.keysOf(partition).order('');
  let cursor = '0';
  do {
    const [next, keys] = await stock.redis.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', pageOrders);
    cursor = next;
    const old = (await readVersions(stock, keys)).filter(({ updatedAt }) => updatedAt < before);
    if (old.length === 0) continue;
    const stored = await rows.versions(old.map(({ orderId }) => orderId));
    for (const order of old) await judge(parts, partition, order, stored.get(order.orderId));
  } while (cursor !== '0');
}

async function judge(
  { pool, stock, orders, log, found }: Parts,
  partition: number,
  order: Version,
  stored: Version | undefined,
): Promise<void> {
  const correlationId = order.orderId;
  if (stored?.version === order.version && stored.state === order.state) return;
  if (stored === undefined || stored.version < order.version) {
    if (await isLetter(pool, partition, order)) return;
    const keys = stock.keysOf(partition);
    const [code] = await stock.call(
      tellOrder,
      [keys.epoch, keys.outbox, keys.order(order.orderId)],
      [order.version],
    );
    if (code !== 1) return;
    log.warn({ correlationId, version: order.version }, 'order was missing in Postgres: told again');
    return found('told');
  }
  // Read before Postgres was: it may have moved on since.
  const now = await orders.read(order.orderId);
  if (now === undefined || now.version > order.version) return;
  log.error({ correlationId, redis: order, postgres: stored }, 'order differs in Redis and Postgres');
  found('differs');
}

/** What Postgres refused is tried again from there. */
async function isLetter(pool: Pool, partition: number, { orderId, version }: Version): Promise<boolean> {
  const { rowCount } = await pool.query(
    'select 1 from dead_letters where queue = $1 and subject = $2 and redriven_at is null',
    [outboxQueueName(partition), `${orderId}:${version}`],
  );
  return rowCount !== 0;
}

async function fromPostgres(
  { stock, orders, rows, log, found }: Parts,
  before: readonly number[],
): Promise<void> {
  for await (const page of rows.open(pageOrders)) {
    for (const order of page) {
      const partition = partitionOfOrder(order.orderId) ?? 0;
      if (order.updatedAt >= (before[partition] ?? 0)) continue;
      if ((await stock.redis.exists(stock.keysOf(partition).order(order.orderId))) === 1) continue;
      // Redis forgets an order a while after it was over in Postgres, which is after this page was read.
      const isRestored = await orders.restore(order.orderId, async () => {
        const now = await rows.read(order.orderId);
        return now?.version === order.version ? now : undefined;
      });
      if (!isRestored) continue;
      log.warn(
        { correlationId: order.orderId, version: order.version },
        'order was missing in Redis: put back',
      );
      found('restored');
    }
  }
}

async function readVersions(
  stock: StockClient,
  keys: readonly string[],
): Promise<readonly (Version & { readonly updatedAt: number })[]> {
  const found = await Promise.all(
    keys.map((key) => stock.redis.hmget(key, 'orderId', 'version', 'state', 'updatedAt')),
  );
  return found.flatMap(([orderId, version, state, updatedAt]) =>
    orderId && state
      ? [
          {
            orderId,
            version: Number(version),
            state: state as Version['state'],
            updatedAt: Number(updatedAt),
          },
        ]
      : [],
  );
}
