import { appendFileSync } from 'node:fs';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import { partitionOfOrder } from '@ropeline/core/stock/order-id.ts';
import { stockKeys } from '@ropeline/core/stock/stock-keys.ts';
import { describe, expect, it } from 'vitest';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { askAndNote } from '../support/history/ask.ts';
import { type Forgery, startForgingWire } from '../support/history/forging-wire.ts';
import type { Call, Wish } from '../support/history/history.ts';
import { judgeOrders } from '../support/history/judge-orders.ts';
import { isDrained, readEnd, untilQuiet } from '../support/history/read-end.ts';
import { openShop, type Shop } from '../support/shop.ts';
import { openStockRedis, runOut, runOutAll } from '../support/stock-redis.ts';

type Site = {
  readonly shop: Shop;
  readonly redis: Redis;
  /** An order that is paid and kept, and one that is paid and given back. */
  readonly bought: string;
  readonly returned: string;
};
type Deed = (site: Site) => Promise<unknown>;

type Happening = {
  /** What is wrong in the product: its scripts and its statements, as they arrive. */
  readonly scripts?: readonly Forgery[];
  readonly statements?: readonly Forgery[];
  /** What happens in any case, and does no harm without the bug. */
  readonly twice?: string;
  readonly provider?: Record<string, number>;
  readonly beforeWorkers?: Deed;
  /** The bug itself, where it is not of the product's text: done before the workers start, or in the end. */
  readonly loses?: Deed;
  readonly adds?: Deed;
};
type Bug = Happening & { readonly name: string; readonly expected: RegExp };

const keyIsForgotten: Forgery = ["local used = item.key ~= ''", "local used = item.key == ''"];
const price = 50_000;

const bugs: readonly Bug[] = [
  {
    name: 'skipped idempotency',
    scripts: [keyIsForgotten],
    expected: /the key testuser1 1 key-1 made 2 orders/,
  },
  {
    name: 'chunks that are written in the wrong order',
    statements: [['where present.version < excluded.version', 'where true']],
    beforeWorkers: tellTheFirstAgain,
    expected: /is COMPLETED \(3\) in Redis, RESERVED \(1\) in Postgres/,
  },
  {
    name: 'a script that is sent twice',
    scripts: [
      keyIsForgotten,
      ["if redis.call('EXISTS', item.order) == 1 then", "if redis.call('EXISTS', item.order) == 9 then"],
    ],
    twice: 'reserve_units: takes units',
    expected: /testuser1 has 1 units and Redis counts/,
  },
  {
    name: 'an expiry while PAYING',
    scripts: [
      ["if order and order.state == 'RESERVED' then", "if order and order.state ~= 'EXPIRED' then"],
      [
        "redis.call('ZREM', holds, order.orderId)\nmove_order(order_key, outbox, order, 'PAYING', now)",
        "redis.call('ZRANK',holds,order.orderId)\nmove_order(order_key, outbox, order, 'PAYING', now)",
      ],
    ],
    provider: { latencyMs: 3_000 },
    expected: /went from PAYING to EXPIRED/,
  },
  {
    name: 'an outbox entry that is lost',
    loses: loseOfTheBought,
    expected: /is COMPLETED \(3\) in Redis, PAYING \(2\) in Postgres/,
  },
  { name: 'a double refund', adds: refundTwice, expected: /was refunded 2 times/ },
  {
    name: 'a refund of what is kept',
    adds: refundTheBought,
    expected: /is COMPLETED: the provider keeps 0 and 50000 is due/,
  },
];

const harmless: readonly (readonly [string, Happening])[] = [
  [
    'scripts and chunks that come again',
    { twice: 'reserve_units: takes units', beforeWorkers: tellTheFirstAgain },
  ],
  ['a provider that takes longer than a hold', { provider: { latencyMs: 2_000 } }],
];

describe('the judge of orders', () => {
  it.each(bugs)('notices $name', async (bug) => {
    expect((await tell(bug)).join('\n')).toMatch(bug.expected);
  });

  it.each(harmless)('has nothing to say of %s, without a bug', async (_what, happening) => {
    expect(await tell(happening)).toEqual([]);
  });
});

/** Orders that are bought, given back and left to expire, each key sent twice; what the judge says in the end. */
async function tell(bug: Happening): Promise<readonly string[]> {
  const server = cleanedUp(await startRedis(), (it) => it.stop());
  const { scripts = [], statements = [], twice } = bug;
  const toRedis = await startForgingWire(server.url, { forgeries: scripts, twice });
  const forgeries = scripts.length + statements.length;
  const isBroken = forgeries > 0 || bug.loses !== undefined;
  const env = { RECONCILE_SECONDS: '0' };
  const shop = await openShop(env, { redisUrl: cleanedUp(toRedis, (it) => it.stop()).url });
  const { databaseUrl, config, url: service } = shop.running;
  const toPostgres = cleanedUp(await startForgingWire(databaseUrl, { forgeries: statements }), (it) =>
    it.stop(),
  );
  const redis = await openStockRedis(server.url);
  if (bug.provider !== undefined) await shop.behave(bug.provider);
  const startWorkers = () =>
    spawnService('workers/src/main.ts', 'WORKERS_PORT', {
      TICKET_REDIS_URL: toRedis.url,
      DATABASE_URL: toPostgres.url,
      PAYMENT_URL: config.paymentUrl,
      // Every version is a chunk of its own.
      WORKERS_CHUNK_ENTRIES: '1',
    });
  const isSlow = bug.provider !== undefined;
  if (isSlow) await startWorkers();

  const calls: Call[] = [];
  const name = 'testuser1';
  const asking = { name, token: await shop.join(name), service, calls, answerWithinMs: 60_000 };
  const ask = (wish: Wish, key: string, orderId = ''): Promise<Call> =>
    askAndNote(
      asking,
      wish === 'order'
        ? { wish, key, offerId: 1, path: 'orders', json: { offerId: 1, quantity: 1 } }
        : { wish, key, offerId: 1, orderId, path: `orders/${orderId}/${wish}` },
    );
  const order = async (key: string): Promise<string> => {
    const { told } = await ask('order', key);
    await ask('order', key);
    if (told === undefined) throw new Error('there is no order');
    return told.orderId;
  };
  const [bought, returned] = [await order('key-1'), await order('key-2')];
  const paying = Promise.all([ask('pay', 'key-1', bought), ask('pay', 'key-2', returned)]);
  if (isSlow) {
    for (const orderId of [bought, returned]) {
      const { order: key } = stockKeys(partitionOfOrder(orderId) ?? 0);
      await until(async () => (await redis.hget(key(orderId), 'state')) !== 'RESERVED');
      await runOut(redis, orderId);
    }
  }
  await paying;
  await ask('cancel', 'key-2', returned);
  await order('key-3');
  await runOutAll(redis);

  const site: Site = { shop, redis, bought, returned };
  await bug.beforeWorkers?.(site);
  await bug.loses?.(site);
  if (!isSlow) await startWorkers();
  const stores = { pool: shop.pool, redis, ledgerFile: shop.ledgerFile };
  if (isBroken) {
    // A bug may leave payments that never end, and orders that nobody knows of.
    await until(async () => {
      await runOutAll(redis);
      return isDrained(redis);
    });
  } else await untilQuiet(stores, 60_000);
  await bug.adds?.(site);
  const end = await readEnd(stores);
  if (isBroken) expect(toRedis.forged() + toPostgres.forged()).toBeGreaterThanOrEqual(forgeries);
  return judgeOrders({ calls }, end);
}

async function outboxOf({ redis, bought }: Site) {
  const { outbox } = stockKeys(partitionOfOrder(bought) ?? 0);
  const entries = await redis.xrange(outbox, '-', '+');
  return { outbox, mine: entries.filter(([, fields]) => fields.includes(bought)) };
}

async function tellTheFirstAgain(site: Site): Promise<void> {
  const { outbox, mine } = await outboxOf(site);
  const [first] = mine;
  if (first === undefined) throw new Error('there is no entry');
  await site.redis.xadd(outbox, '*', ...first[1]);
}

async function loseOfTheBought(site: Site): Promise<void> {
  const { outbox, mine } = await outboxOf(site);
  const last = mine.at(-1);
  if (last === undefined) throw new Error('there is no entry');
  await site.redis.xdel(outbox, last[0]);
}

/** What a provider writes that does not know its own references. */
async function refundTwice({ shop, returned }: Site): Promise<void> {
  const line = { reference: `${returned}:1`, state: 'refunded', amountMinor: price, currency: 'KRW', at: 0 };
  appendFileSync(shop.ledgerFile, `${JSON.stringify(line)}\n`);
}

async function refundTheBought({ shop, bought }: Site): Promise<void> {
  const response = await fetch(`${shop.running.config.paymentUrl}/refunds`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ reference: `${bought}:1` }),
  });
  expect(response.status).toBe(200);
}
