import { partitionOfOrder } from '@ropeline/core/stock/order-id.ts';
import { stockKeys } from '@ropeline/core/stock/stock-keys.ts';
import { expect, it } from 'vitest';
import { until } from '../../../testing/until.ts';
import { type KillPoint, openSite, type Site } from '../support/kill-points.ts';
import { workerPoints } from '../support/points-of-workers.ts';

it.each(Object.entries(workerPoints))(
  'workers killed at any point of %s leave nothing undone and nothing done twice',
  async (_what, names) => {
    const site = await openSite();
    for (const [round, point] of names.entries()) await dieAt(site, point, round + 1);
  },
  180_000,
);

/** Every round leaves one order that was sold, one that was given back and refunded, one that expired. */
async function dieAt(site: Site, point: KillPoint, round: number): Promise<void> {
  const { shop } = site;
  const token = await shop.join(`testuser${(round % 20) + 1}`);
  const order = async (): Promise<string> =>
    String((await shop.order(token, { offerId: 1, quantity: 1 })).body['orderId']);
  const [sold, givenBack, expired] = [await order(), await order(), await order()];
  await shop.pay(token, sold);
  await shop.pay(token, givenBack);
  expect((await shop.cancel(token, givenBack)).status).toBe(200);
  await runOut(site, expired);

  const taps = await site.taps();
  let isReached = false;
  void taps[point.wire].freezeAt(point).then(() => {
    isReached = true;
  });
  const victim = await site.spawn('workers', taps);
  await until(() => isReached, 15_000).catch((cause: unknown) => {
    throw new Error(`${point.name}: never reached`, { cause });
  });
  await victim.kill();
  const survivor = await site.spawn('workers');

  const expected = {
    states: { [sold]: 'COMPLETED', [givenBack]: 'CANCELLED', [expired]: 'EXPIRED' },
    units: { held: '0', sold: String(round), taken: round },
    provider: { paid: round, refunded: round, noted: round },
    /** Of the three orders; then how many events were not counted once. */
    events: [3, 4, 2],
    miscounted: 0,
    waiting: 0,
  };
  let last: unknown;
  await until(async () => {
    last = await counts(site, [sold, givenBack, expired]);
    return JSON.stringify(last) === JSON.stringify(expected);
  }, 20_000).catch((cause: unknown) => {
    throw new Error(`${point.name}: ${JSON.stringify({ last, expected })}`, { cause });
  });
  await survivor.kill();
}

async function runOut({ redis }: Site, orderId: string): Promise<void> {
  const keys = stockKeys(partitionOfOrder(orderId) ?? 0);
  await redis.hset(keys.order(orderId), 'holdUntil', 1);
  await redis.zadd(keys.holds, 1, orderId);
}

async function counts({ shop, redis }: Site, orders: readonly string[]) {
  const one = async (sql: string, ...values: readonly unknown[]): Promise<number> =>
    Number(Object.values((await shop.pool.query(sql, [...values])).rows[0] ?? {})[0]);
  const [offer = ''] = await redis.keys('ropeline:{stock:*}:offer:1');
  const [held, sold] = await redis.hmget(offer, 'held', 'sold');
  const { rows } = await shop.pool.query<{ order_id: string; state: string }>(
    'select order_id, state from orders where order_id = any($1)',
    [orders],
  );
  const found = new Map(rows.map(({ order_id, state }) => [order_id, state]));
  const { paid, refunded } = (await shop.charges()) as { paid: number; refunded: number };
  const outboxes = await Promise.all([0, 1, 2, 3].map((at) => redis.xlen(stockKeys(at).outbox)));
  return {
    states: Object.fromEntries(orders.map((id) => [id, found.get(id)])),
    units: { held, sold, taken: await one('select taken from offers where offer_id = 1') },
    provider: {
      paid,
      refunded,
      noted: await one(`select count(*) from payments where state = 'refunded'`),
    },
    events: await Promise.all(
      orders.map((id) =>
        one(`select count(*) from events where correlation_id = $1 and aggregate = 'order'`, id),
      ),
    ),
    miscounted: await one(
      'select (select count(*) from events) - (select coalesce(sum(events), 0) from event_tallies)',
    ),
    waiting: outboxes.reduce((sum, length) => sum + length, 0),
  };
}
