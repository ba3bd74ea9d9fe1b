import { expect, it } from 'vitest';
import type { SpawnedService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { type KillPoint, openSite, type Site, type Taps } from '../support/kill-points.ts';
import { workerPoints } from '../support/points-of-workers.ts';
import { backlogOf, runOut } from '../support/stock-redis.ts';

/** At a time: most of it is waiting until the job of a killed worker is anybody's again. */
const sites = 3;

it.each(Object.entries(workerPoints))(
  'workers killed at any point of %s leave nothing undone and nothing done twice',
  async (_what, points) => {
    const share = (of: number) => points.filter((_, at) => at % sites === of);
    await Promise.all(Array.from({ length: sites }, (_, at) => dieAtEach(share(at))));
  },
  400_000,
);

/** Who finishes what one has left is the next to be killed. */
async function dieAtEach(points: readonly KillPoint[]): Promise<void> {
  const site = await openSite();
  let workers = await startWorkers(site);
  for (const [round, point] of points.entries()) {
    const expected = await dieAt(site, workers, point, round + 1);
    workers = await startWorkers(site);
    await finished(site, point, expected);
  }
}

type Workers = { readonly taps: Taps; readonly process: SpawnedService };

async function startWorkers(site: Site): Promise<Workers> {
  const taps = await site.taps();
  return { taps, process: await site.spawn('workers', taps) };
}

type Expected = Awaited<ReturnType<typeof counts>>;

/** Every round leaves one order that was sold, one that was given back and refunded, one that expired. */
async function dieAt(
  { shop, redis }: Site,
  { taps, process }: Workers,
  point: KillPoint,
  round: number,
): Promise<Expected> {
  // The workers stand still until all is there that they have to do.
  process.signal('SIGSTOP');
  const token = await shop.join(`testuser${round}`);
  const order = async (): Promise<string> =>
    String((await shop.order(token, { offerId: 1, quantity: 1 })).body['orderId']);
  const [sold, givenBack, expired] = [await order(), await order(), await order()];
  expect((await shop.pay(token, sold)).status).toBe(200);
  expect((await shop.pay(token, givenBack)).status).toBe(200);
  expect((await shop.cancel(token, givenBack)).status).toBe(200);
  await runOut(redis, expired);

  let isReached = false;
  void taps[point.wire].freezeAt(point).then(() => {
    isReached = true;
  });
  process.signal('SIGCONT');
  await until(() => isReached).catch((cause: unknown) => {
    throw new Error(`${point.name}: never reached`, { cause });
  });
  await process.kill();
  return {
    states: { [sold]: 'COMPLETED', [givenBack]: 'CANCELLED', [expired]: 'EXPIRED' },
    units: { held: '0', sold: String(round), taken: round },
    provider: { paid: round, refunded: round, noted: round },
    /** Of the three orders; then how many events were not counted once. */
    events: [3, 4, 2],
    miscounted: 0,
    waiting: 0,
  };
}

async function finished(site: Site, point: KillPoint, expected: Expected): Promise<void> {
  let last: unknown;
  await until(async () => {
    last = await counts(site, Object.keys(expected.states));
    return JSON.stringify(last) === JSON.stringify(expected);
  }, 120_000).catch((cause: unknown) => {
    throw new Error(`${point.name}: ${JSON.stringify({ last, expected })}`, { cause });
  });
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
    waiting: await backlogOf(redis),
  };
}
