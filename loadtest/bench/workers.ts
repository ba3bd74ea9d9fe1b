/**
 * How fast orders go from the outbox into Postgres: the real workers process (relay, BullMQ, upsert, counts, events,
 * watermark, forget, trim) against a bare `insert .. select from unnest(..) on conflict do nothing` of the same rows
 * in batches of 500, one after another, into a table with the same columns and indexes. Redis syncs every write,
 * Postgres every commit. Goal: at least 0.40. Beside it two connections of bare inserts, which leave no core for
 * anything else on two cores, and the usual way, one job and one transaction an order.
 *
 * Then orders of three transitions each at a steady rate: the backlog never exceeds what was accepted in the last 2 s,
 * and is gone within 2 s of the last acceptance.
 *
 * `node loadtest/bench/workers.ts`; takes about 60 s; exit code 1 when a goal is missed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createLog } from '@ropeline/core/log.ts';
import { connectPostgres, type Pool } from '@ropeline/core/postgres/connect.ts';
import { connectRedis, type Redis, untilReady } from '@ropeline/core/redis/connect.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';
import { defaultPartitions, fixPartitions } from '@ropeline/core/stock/partitions.ts';
import { stockKeys } from '@ropeline/core/stock/stock-keys.ts';
import { stopChild } from '../../scripts/services/child.ts';
import { startPostgres } from '../../scripts/services/postgres-server.ts';
import { startRedis } from '../../scripts/services/redis-server.ts';
import { shownSpread, spreadOf, table } from './lib/rounds.ts';
import { bareUnnest, createBareTable } from './support/bare-unnest.ts';
import { oneByOne } from './support/one-by-one.ts';
import { appendToOutbox, aReservedOrder, ofPartition, outboxLength } from './support/outbox-feed.ts';
import { type SteadyLoad, type SteadyResult, steadyLoad } from './support/steady-load.ts';

const batch = 500;
const orderCount = 30_000;
const repetitions = 3;
const oneByOneCount = 4_000;
const steady: SteadyLoad = { ordersPerSecond: 1_000, seconds: 12 };
const goals = { ratio: 0.4, emptyMs: 2_000, share: 1 };
const partitions = defaultPartitions;
const root = fileURLToPath(new URL('../../', import.meta.url));

type Run = {
  readonly bare1: number;
  readonly bare2: number;
  readonly workers: number;
  readonly usual: number;
};

const folder = mkdtempSync(join(tmpdir(), 'ropeline-bench-'));
const log = createLog('bench', 'error');
const server = await startRedis({ folder: join(folder, 'redis'), appendfsync: 'always' });
const postgres = await startPostgres({ folder: join(folder, 'postgres') });
const redis = connectRedis(server.url, { name: 'bench', log, commandTimeoutMs: 30_000 });
const pool = connectPostgres(postgres.url, { name: 'bench', log });
try {
  process.exitCode = await bench(redis, pool);
} finally {
  redis.disconnect();
  await pool.end();
  await Promise.all([server.stop(), postgres.stop()]);
  rmSync(folder, { recursive: true, force: true });
}

async function bench(redis: Redis, pool: Pool): Promise<number> {
  await untilReady(redis);
  await run(['ticket-service/src/migrate.ts'], { DATABASE_URL: postgres.url, LOG_LEVEL: 'warn' });
  await pool.query(`insert into offers (offer_id, kind, title, capacity, price_minor, currency)
    select at, 'pool', 'bench', 10000000, 50000, 'KRW' from generate_series(1, ${partitions}) as at`);
  await createBareTable(pool);
  await fixPartitions(redis, partitions);
  for (let p = 0; p < partitions; p += 1) await redis.set(stockKeys(p).epoch, 'bench');

  const runs: Run[] = [];
  const workers = await startWorkers(redis);
  try {
    // The first run warms both sides up and does not count.
    for (let repetition = 0; repetition <= repetitions; repetition += 1) {
      const orders = makeOrders(orderCount);
      workers.kill('SIGSTOP');
      const bare1 = await bareUnnest(pool, orders, batch, 1);
      const bare2 = await bareUnnest(pool, orders.map(renewed), batch, 2);
      await pool.query('truncate bare_orders');
      for (let p = 0; p < partitions; p += 1) await appendToOutbox(redis, p, ofPartition(orders, p));
      workers.kill('SIGCONT');
      const drained = await drain(redis);
      const usual = await oneByOne(redis, pool, makeOrders(oneByOneCount));
      const run = { bare1, bare2, workers: drained, usual };
      if (repetition > 0) runs.push(run);
    }
    const result = await steadyLoad(redis, partitions, steady);
    const { rows } = await pool.query<{ count: number }>('select count(*)::integer as count from orders');
    const expected =
      1 + (orderCount + oneByOneCount) * (repetitions + 1) + steady.ordersPerSecond * steady.seconds;
    return report(runs, result, rows[0]?.count === expected);
  } finally {
    workers.kill('SIGCONT');
    await stopChild(workers);
  }
}

function makeOrders(count: number): readonly OrderRecord[] {
  return Array.from({ length: count }, (_, at) => aReservedOrder((at % partitions) + 1, at % partitions));
}

/** The same orders under ids that are not in the table yet. */
function renewed(order: OrderRecord): OrderRecord {
  const { orderId } = aReservedOrder(order.offerId, order.offerId - 1);
  return { ...order, orderId, idempotencyKey: orderId };
}

/** Empties the outbox and tells how many orders a second that was. */
async function drain(redis: Redis): Promise<number> {
  const began = performance.now();
  while ((await outboxLength(redis, partitions)) > 0) await delay(10);
  return orderCount / ((performance.now() - began) / 1_000);
}

/** The workers process, once its first order is in Postgres. */
async function startWorkers(redis: Redis): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['workers/src/main.ts'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      TICKET_REDIS_URL: server.url,
      DATABASE_URL: postgres.url,
      WORKERS_PORT: '0',
      WORKERS_CHUNK_ENTRIES: String(batch),
      LOG_LEVEL: 'warn',
    },
  });
  await appendToOutbox(redis, 0, [aReservedOrder(1, 0)]);
  while ((await outboxLength(redis, partitions)) > 0) await delay(10);
  return child;
}

function run(args: readonly string[], env: Record<string, string>): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...args], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      env,
    });
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${args[0]} ended with ${code}`)),
    );
  });
}

function report(
  runs: readonly Run[],
  { peak, worstShare, emptyMs }: SteadyResult,
  complete: boolean,
): number {
  const ratios = runs.map(({ bare1, workers }) => workers / bare1);
  const row = (name: string, of: (run: Run) => number, digits = 0): readonly string[] => [
    name,
    shownSpread(spreadOf(runs.map(of)), digits),
  ];
  const lines = [
    `${orderCount} orders a run (${oneByOneCount} the usual way), batches of ${batch}, ${partitions} partitions, ${repetitions} runs`,
    '',
    table([
      ['orders/s', 'median [least..most]'],
      row('bare unnest, one connection', ({ bare1 }) => bare1),
      row('bare unnest, two connections', ({ bare2 }) => bare2),
      row('workers, whole path', ({ workers }) => workers),
      row(`ratio to one connection (goal >= ${goals.ratio})`, ({ bare1, workers }) => workers / bare1, 2),
      row('ratio to two connections', ({ bare2, workers }) => workers / bare2, 2),
      row('the usual way: one job and one transaction an order', ({ usual }) => usual),
      row('workers against the usual way', ({ workers, usual }) => workers / usual, 1),
    ]),
    '',
    `Steady load of ${steady.ordersPerSecond} orders/s with 3 transitions each, ${steady.seconds} s:`,
    `  the backlog was at most ${peak} entries, ${(worstShare * 100).toFixed(1)} % of what was accepted in the last 2 s (goal <= 100 %)`,
    `  outbox empty ${emptyMs.toFixed(0)} ms after the last acceptance (goal <= ${goals.emptyMs})`,
    `Every order is in Postgres once: ${complete ? 'yes' : 'NO'}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  const kept =
    spreadOf(ratios).median >= goals.ratio && worstShare <= goals.share && emptyMs <= goals.emptyMs;
  return kept && complete ? 0 : 1;
}
