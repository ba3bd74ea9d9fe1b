import { setTimeout as delay } from 'node:timers/promises';
import { startShop } from '../bench/lib/shop.ts';
import { bySecond } from '../check/backlog.ts';
import { BacklogWatch } from '../check/backlog-watch.ts';
import { judgeOutage } from '../check/outage.ts';
import { type TestReport, testMarkdown } from '../check/source-report.ts';
import { passed } from '../check/verdict.ts';
import { describeMachine } from './machine.ts';
import type { TestResult } from './source-test.ts';
import { sendOrders } from './steady-orders.ts';

const offerId = 1001;
const perSecond = 2_500;
const whole = { orders: 200_000, beforeSeconds: 15, awaySeconds: 30 } as const;
const emptyWithinMs = 120_000;

type Options = {
  /** Shorter: Postgres is away that long, and the orders are as many fewer. */
  readonly seconds: number | undefined;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
};

/**
 * Orders come at a steady rate; after 15 s Postgres is shut down, and is started again 30 s later. Ticket service,
 * workers, Redis (syncs every write) and Postgres are real processes of this run's own.
 */
export async function outage({ seconds, signal, say }: Options): Promise<TestResult> {
  const awaySeconds = seconds ?? whole.awaySeconds;
  const orders = Math.round((whole.orders * awaySeconds) / whole.awaySeconds);
  const shop = await startShop({
    pinned: false,
    env: { HOLD_SECONDS: '3600' },
    prepare: (pool) =>
      pool.query(`insert into offers (offer_id, kind, title, capacity, price_minor, currency, rooms)
        values (${offerId}, 'pool', 'outage', 1000000, 50000, 'KRW', '{demo}')`),
  });
  try {
    await shop.startWorkers();
    const watch = await BacklogWatch.start(shop.redisUrl, offerId);
    try {
      say(`${orders} orders at ${perSecond} a second; Postgres is stopped for ${awaySeconds} s ...`);
      const sending = sendOrders(shop, { offerId, orders, perSecond, signal });
      sending.catch(() => undefined);
      await delay(whole.beforeSeconds * 1_000, undefined, { signal });
      const stoppedAt = Date.now();
      await shop.stopPostgres();
      await delay(stoppedAt + awaySeconds * 1_000 - Date.now(), undefined, { signal });
      await shop.restartPostgres();
      const backAt = Date.now();
      say('Postgres is back.');
      const sent = await sending;
      const isEmpty = await watch.untilEmpty(emptyWithinMs);
      const { rows } = await shop.pool.query<{ order_id: string; state: string }>(
        `select order_id, state from orders where offer_id = ${offerId}`,
      );
      const events = await shop.pool.query<{ count: number }>(
        `select count(*)::integer as count from events where type = 'order.reserved'`,
      );
      const offer = await shop.pool.query<{ taken: number }>(
        `select taken from offers where offer_id = ${offerId}`,
      );
      const version = await shop.pool.query<{ server_version: string }>('show server_version');
      const checks = judgeOutage({
        orders,
        accepted: [...sent.accepted.values()],
        later: sent.later,
        longestMs: sent.longestMs,
        rows: rows.map(({ order_id, state }) => ({ orderId: order_id, state })),
        events: events.rows[0]?.count ?? 0,
        taken: offer.rows[0]?.taken ?? 0,
        held: (await watch.counts()).held,
        looks: watch.looks,
        isEmpty,
        stoppedAt,
        backAt,
        lastAt: sent.lastAt,
      });
      const report: TestReport = {
        title: 'Postgres away under load',
        what: `${orders} orders by \`POST /api/orders\` at ${perSecond} a second, tokens checked; after ${whole.beforeSeconds} s Postgres is shut down and comes back ${awaySeconds} s later.`,
        date: new Date().toISOString().slice(0, 10),
        machine: {
          ...describeMachine({ k6: 'not used', redis: '', postgres: version.rows[0]?.server_version ?? '' }),
          redis: /redis_version:(\S+)/.exec(await watch.redis.info('server'))?.[1] ?? 'unknown',
        },
        settings: { orders, perSecond, awaySeconds, appendfsync: 'always', outboxLimit: 200_000 },
        checks,
        sections: [
          {
            title: 'Second by second',
            head: ['second', 'orders accepted in it', 'outbox, most in it', 'outbox at its end'],
            rows: bySecond(watch.looks),
          },
        ],
      };
      return { report, markdown: testMarkdown(report), passed: passed(checks) };
    } finally {
      watch.stop();
    }
  } finally {
    await shop.stop();
  }
}
