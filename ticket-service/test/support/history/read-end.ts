import { readFileSync } from 'node:fs';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import { defaultPartitions } from '@ropeline/core/stock/partitions.ts';
import { type StockKeys, stockKeys } from '@ropeline/core/stock/stock-keys.ts';
import { until } from '../../../../testing/until.ts';
import type { End, LedgerLine, OfferEnd, OrderEnd, PaymentEnd, State, Step } from './history.ts';

/** The stores of a site. */
export type Stores = { readonly pool: Pool; readonly redis: Redis; readonly ledgerFile: string };

const partitions = Array.from({ length: defaultPartitions }, (_, at) => stockKeys(at));

/**
 * Waits until nothing is under way any more, at most `timeoutMs`: whatever is then, is for the judge. Who died while
 * paying leaves an order that is taken up a minute later, and what Postgres refused is tried half a minute later: that
 * time is made to have passed.
 */
export async function untilQuiet({ pool, redis }: Stores, timeoutMs: number): Promise<void> {
  await until(async () => {
    await agePayments({ pool, redis });
    const { rows } = await pool.query<{ open: number }>(
      `select (select count(*) from orders where state in ('RESERVED', 'PAYING'))
         + (select count(*) from payments where state in ('pending', 'unknown', 'refund-due'))
         + (select count(*) from dead_letters where redriven_at is null and next_try_at is not null) as open`,
    );
    return Number(rows[0]?.open) === 0 && (await isDrained(redis));
  }, timeoutMs).catch(() => undefined);
}

/** Whether all that happened to orders has come to Postgres, nothing is held and nothing on its way between shards. */
export async function isDrained(redis: Redis): Promise<boolean> {
  const left = await Promise.all(
    partitions.flatMap((keys) => [
      redis.xlen(keys.outbox),
      redis.zcard(keys.holds),
      redis.hlen(keys.transfers),
    ]),
  );
  return left.every((count) => count === 0);
}

async function agePayments({ pool, redis }: Pick<Stores, 'pool' | 'redis'>): Promise<void> {
  await pool.query(
    `update payments set updated_at = now() - interval '1 hour', next_try_at = now()
     where state in ('pending', 'unknown') and updated_at < now() - interval '4 s'`,
  );
  await pool.query(
    `update orders set updated_at = now() - interval '1 hour'
     where state = 'PAYING' and updated_at < now() - interval '4 s'`,
  );
  await pool.query(
    'update dead_letters set next_try_at = now() where redriven_at is null and next_try_at > now()',
  );
  for (const key of await orderKeys(redis)) {
    const [state, updatedAt] = await redis.hmget(key, 'state', 'updatedAt');
    if (state === 'PAYING' && Number(updatedAt) < Date.now() - 4_000) await redis.hset(key, 'updatedAt', 1);
  }
}

export async function readEnd(stores: Stores): Promise<End> {
  const { pool, redis, ledgerFile } = stores;
  const rows = async <T extends object>(sql: string): Promise<T[]> => (await pool.query<T>(sql)).rows;
  const orders = await rows<Omit<OrderEnd, 'amountMinor'> & { amountMinor: string }>(
    `select order_id as "orderId", version, state, offer_id as "offerId", member_id as "memberId",
       idempotency_key as key, units, quantity, amount_minor as "amountMinor", attempt from orders`,
  );
  const steps = await rows<{ orderId: string; version: number; at: Date; data: Omit<Step, 'orderId'> }>(
    `select correlation_id as "orderId", version, occurred_at as at, data from events where aggregate = 'order'`,
  );
  const letters = await rows<{ count: string }>(
    'select count(*) from dead_letters where redriven_at is null',
  );
  const total = async (of: (keys: StockKeys) => Promise<number>): Promise<number> =>
    (await Promise.all(partitions.map(of))).reduce((sum, count) => sum + count, 0);
  return {
    offers: await readOffers(stores),
    orders: orders.map((order) => ({ ...order, amountMinor: Number(order.amountMinor) })),
    inRedis: await readOrders(redis),
    steps: steps.map(({ orderId, version, at, data: { state, offerId, units, quantity } }) => ({
      ...{ orderId, version, state, offerId, units, quantity },
      at: at.getTime(),
    })),
    payments: await rows<PaymentEnd>('select order_id as "orderId", attempt, reference, state from payments'),
    ledger: readFileSync(ledgerFile, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as LedgerLine),
    left: {
      outbox: await total((keys) => redis.xlen(keys.outbox)),
      transfers: await total((keys) => redis.hlen(keys.transfers)),
      deadLetters: Number(letters[0]?.count),
    },
  };
}

async function readOffers({ pool, redis }: Stores): Promise<readonly OfferEnd[]> {
  const { rows } = await pool.query<Pick<OfferEnd, 'offerId' | 'title' | 'isCoupon' | 'capacity' | 'taken'>>(
    `select offers.offer_id as "offerId", title, coupons.offer_id is not null as "isCoupon", capacity, taken
     from offers left join coupons using (offer_id) order by offer_id`,
  );
  const names = await pool.query<{ offer_id: number; unit: string; order_id: string }>(
    'select offer_id, unit, order_id from order_units',
  );
  return Promise.all(
    rows.map(async (row) => {
      const sums = { capacity: 0, held: 0, sold: 0 };
      const namesInRedis = new Map<string, string>();
      const members = new Map<string, number>();
      for (const keys of partitions) {
        const counts = await redis.hgetall(keys.offer(row.offerId));
        for (const what of ['capacity', 'held', 'sold'] as const) sums[what] += Number(counts[what] ?? 0);
        for (const [name, order] of Object.entries(await redis.hgetall(keys.units(row.offerId))))
          namesInRedis.set(name, order);
        for (const [member, units] of Object.entries(await redis.hgetall(keys.members(row.offerId))))
          members.set(member, (members.get(member) ?? 0) + Number(units));
      }
      const mine = names.rows.filter(({ offer_id }) => offer_id === row.offerId);
      const namesInPostgres = new Map(mine.map(({ unit, order_id }) => [unit, order_id]));
      return { ...row, redis: sums, namesInRedis, namesInPostgres, members };
    }),
  );
}

async function orderKeys(redis: Redis): Promise<readonly string[]> {
  return (await Promise.all(partitions.map((keys) => redis.keys(keys.order('*'))))).flat();
}

async function readOrders(redis: Redis): Promise<End['inRedis']> {
  const found = await Promise.all(
    (await orderKeys(redis)).map((key) => redis.hmget(key, 'orderId', 'version', 'state')),
  );
  // A key may expire between the two.
  return found.flatMap(([orderId, version, state]) =>
    orderId && state ? [{ orderId, version: Number(version), state: state as State }] : [],
  );
}
