import { createLog } from '@ropeline/core/log.ts';
import { connectPostgres } from '@ropeline/core/postgres/connect.ts';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import { expect, it } from 'vitest';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp, freshDatabase } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { call } from '../support/http.ts';
import { startService } from '../support/start-service.ts';
import { openStockRedis } from '../support/stock-redis.ts';

const rounds = 6;
const withdrawn = 10_000;

/** How often Redis ran each command since it was started, within scripts too. */
async function commands(redis: Redis): Promise<(name: string) => number> {
  const stats = await redis.info('commandstats');
  return (name) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

it('ten thousand withdrawn offers cost Redis no command, neither at the start nor while the stock is watched', async () => {
  const { url: redisUrl } = cleanedUp(await startRedis(), (server) => server.stop());
  const databaseUrl = await freshDatabase();
  const start = () => startService({ databaseUrl, redisUrl });
  const first = await start();
  await first.stop();
  const log = createLog('test', 'silent');
  const pool = cleanedUp(connectPostgres(databaseUrl, { name: 'test', log }), (it) => it.end());
  await pool.query(
    `insert into offers (kind, title, capacity, price_minor, currency, stock_room, withdrawn_at)
     select 'pool', 'over', 5, 1, 'EUR', 'demo', now() from generate_series(1, $1)`,
    [withdrawn],
  );
  const { rows } = await pool.query('select count(*)::int as count from offers where withdrawn_at is null');
  const redis = await openStockRedis(redisUrl);
  const before = await commands(redis);
  const running = cleanedUp(await start(), (it) => it.stop());
  await until(async () => (await call(running, '/api/offers/1/stock')).status === 200);
  // Every round reads who has ordered of an offer, once: HLEN in the script that reads the stock.
  const atStart = await commands(redis);
  for (const name of ['hlen', 'evalsha', 'eval'])
    expect(atStart(name) - before(name), name).toBeLessThan(withdrawn / 10);
  const later = await until(async () => {
    const now = await commands(redis);
    return now('evalsha') - atStart('evalsha') >= rounds && now;
  });
  const calls = later('evalsha') - atStart('evalsha');
  expect(later('hlen') - atStart('hlen')).toBeLessThanOrEqual((calls + 1) * rows[0].count);
  const metrics = await (await fetch(`${running.url}/metrics`)).text();
  expect(metrics.match(/^ticket_stock_units\{/gm)).toHaveLength(3 * rows[0].count);
});
