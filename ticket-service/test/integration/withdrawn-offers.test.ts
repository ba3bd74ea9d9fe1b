import { createLog } from '@ropeline/core/log.ts';
import { connectPostgres } from '@ropeline/core/postgres/connect.ts';
import { connectRedis, type Redis, untilReady } from '@ropeline/core/redis/connect.ts';
import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { call } from '../support/http.ts';
import { startService } from '../support/start-service.ts';

const log = createLog('test', 'silent');
const rounds = 6;
const withdrawn = 10_000;

/** How often Redis ran each command since it was started, within scripts too. */
async function commands(redis: Redis): Promise<(name: string) => number> {
  const stats = await redis.info('commandstats');
  return (name) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

it('ten thousand withdrawn offers cost Redis no command, neither at the start nor while the stock is watched', async () => {
  const first = await startService();
  const pool = cleanedUp(connectPostgres(first.databaseUrl, { name: 'test', log }), (it) => it.end());
  await pool.query(
    `insert into offers (kind, title, capacity, price_minor, currency, stock_room, withdrawn_at)
     select 'pool', 'over', 5, 1, 'EUR', 'demo', now() from generate_series(1, $1)`,
    [withdrawn],
  );
  await first.stop();
  const running = cleanedUp(await startService({ databaseUrl: first.databaseUrl }), (it) => it.stop());
  const redis = cleanedUp(connectRedis(running.redisUrl, { name: 'test', log }), (it) => it.disconnect());
  await untilReady(redis);
  await until(async () => (await call(running, '/api/offers/1/stock')).status === 200);
  const { rows } = await pool.query('select count(*)::int as count from offers where withdrawn_at is null');
  // Every round reads who has ordered of an offer, once: HLEN in the script that reads the stock.
  const atStart = await commands(redis);
  expect(atStart('hlen')).toBeLessThan(withdrawn / 10);
  expect(atStart('evalsha') + atStart('eval')).toBeLessThan(withdrawn / 10);
  const later = await until(async () => {
    const now = await commands(redis);
    return now('evalsha') - atStart('evalsha') >= rounds && now;
  });
  const calls = later('evalsha') - atStart('evalsha');
  expect(later('hlen') - atStart('hlen')).toBeLessThanOrEqual((calls + 1) * rows[0].count);
  const metrics = await (await fetch(`${running.url}/metrics`)).text();
  expect(metrics.match(/^ticket_stock_units\{/gm)).toHaveLength(3 * rows[0].count);
});
