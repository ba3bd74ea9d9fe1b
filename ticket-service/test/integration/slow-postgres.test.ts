import pg from 'pg';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { bearer, call, logIn } from '../support/http.ts';
import { openStock } from '../support/open-stock.ts';
import { startService } from '../support/start-service.ts';

async function start() {
  const lines: { msg?: string }[] = [];
  const log = pino({ level: 'error' }, { write: (line) => lines.push(JSON.parse(line)) });
  const running = cleanedUp(await startService({ log }), (it) => it.stop());
  const postgres = cleanedUp(new pg.Client({ connectionString: running.databaseUrl }), (it) => it.end());
  await postgres.connect();
  return { running, postgres, lines };
}

it('a statement that waits for a lock ends before its handler: 503 with the reason, and nothing in the log', async () => {
  const { running, postgres, lines } = await start();
  const host = bearer(await logIn(running, 'host1'));
  await postgres.query('begin; lock table offers in access exclusive mode');
  const json = { kind: 'pool', title: 't', currency: 'KRW', priceMinor: 5, capacity: 1 };
  const answers = await Promise.all([
    // More than there are connections: some wait for one.
    ...Array.from({ length: 12 }, () => call(running, '/api/offers', { json, headers: host })),
    call(running, '/api/offers/1', { method: 'DELETE', headers: host }),
  ]);
  for (const answer of answers) {
    expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(answer.headers.get('retry-after')).toBe('1');
  }
  await postgres.query('rollback');
  expect((await call(running, '/api/offers', { json, headers: host })).status).toBe(201);
  expect(lines).toEqual([]);
});

it('the stock is built anew however long Postgres takes for it', async () => {
  const { running, postgres } = await start();
  const stock = await openStock(running.redisUrl);
  await postgres.query('begin; lock table orders in access exclusive mode');
  await stock.redis.del(...stock.keys.map(({ epoch }) => epoch));
  // Longer than a statement of a handler may take, and than its client would wait.
  const waiting = `select from pg_stat_activity
    where wait_event_type = 'Lock' and query_start < clock_timestamp() - interval '9 s' and datname = current_database()`;
  await until(async () => ((await postgres.query(waiting)).rowCount ?? 0) > 0);
  await postgres.query('rollback');
  await until(async () => (await call(running, '/health/ready')).status === 200);
});
