import { ConfigError, loadSettings } from '@ropeline/core/config.ts';
import { eventLags } from '@ropeline/core/events/consume-events.ts';
import { Lifecycle, reportReady } from '@ropeline/core/lifecycle.ts';
import { createLog } from '@ropeline/core/log.ts';
import { openProvider } from '@ropeline/core/payments/open-provider.ts';
import { checkPaymentConfig } from '@ropeline/core/payments/payment-settings.ts';
import { connectPostgres } from '@ropeline/core/postgres/connect.ts';
import { countDeadLetters } from '@ropeline/core/postgres/dead-letters.ts';
import { connectRedis, connectRedisForJobs, untilReady } from '@ropeline/core/redis/connect.ts';
import { repeat } from '@ropeline/core/repeat.ts';
import { createApp } from './app.ts';
import { retryDueLetters, type Try, tryLetter } from './dead-letter-tries.ts';
import { readTallies } from './events/event-tallies.ts';
import { consumeAll } from './events/event-work.ts';
import { createMetrics, observeSharedState } from './metrics.ts';
import { countOpenPayments, payRefunds } from './refunds.ts';
import { settings } from './settings.ts';
import { StockWork } from './stock-work.ts';

const retryLettersEveryMs = 500;
const refundEveryMs = 500;
/** A chunk takes some ten ms; what takes this long hangs, and is begun anew. */
const statementTimeoutMs = 5_000;

async function main(): Promise<void> {
  const config = loadSettings(settings, process.env);
  checkPaymentConfig(config);
  if (process.argv.includes('--check-config')) return;
  const log = createLog('workers', config.logLevel);
  // Shorter than `npm start` waits for a service to stop.
  const lifecycle = new Lifecycle(log, 6_500);
  lifecycle.listen();

  const redis = connectRedis(config.redisUrl, { name: 'workers', log });
  lifecycle.onStop('redis', () => redis.disconnect());
  const jobsRedis = connectRedisForJobs(config.redisUrl, { name: 'workers-jobs', log });
  lifecycle.onStop('jobs redis', () => jobsRedis.disconnect());
  const pool = connectPostgres(config.databaseUrl, { name: 'workers', log, statementTimeoutMs });
  lifecycle.onStop('postgres', () => pool.end());
  await Promise.all([untilReady(redis), untilReady(jobsRedis)]);

  const metrics = createMetrics();
  const work = new StockWork({ redis, jobsRedis, pool, chunkEntries: config.chunkEntries, metrics, log });
  lifecycle.onStop('stock work', () => work.stop());
  observeSharedState(metrics.registry, {
    backlog: () => work.backlog(),
    deadLetters: () => countDeadLetters(pool),
    openPayments: () => countOpenPayments(pool),
    eventLags: () => eventLags(pool),
    eventTallies: () => readTallies(pool),
  });
  const redrive = async (id: number): Promise<Try> => {
    const outcome = await tryLetter(pool, id);
    if (outcome.kind === 'settled' && outcome.order !== undefined) await work.forget(outcome.order);
    return outcome;
  };
  const letters = repeat('dead letters', retryLettersEveryMs, log, () => retryDueLetters(pool, redrive));
  lifecycle.onStop('dead letters', () => letters.stop());
  const consuming = consumeAll(pool, log);
  lifecycle.onStop('events', () => consuming.stop());
  const provider = await openProvider(config);
  lifecycle.onStop('payment provider', () => provider.close());
  const refunds = repeat('refunds', refundEveryMs, log, () => payRefunds({ pool, provider, log, metrics }));
  lifecycle.onStop('refunds', () => refunds.stop());

  const app = createApp({
    log,
    pool,
    metrics,
    metricsToken: config.metricsToken,
    workersToken: config.workersToken,
    redrive,
    notReady: async () => {
      const postgres = await pool.query('select 1 from orders limit 1').then(
        () => [],
        () => ['postgres'],
      );
      const stock = work.stock === undefined ? ['stock'] : [];
      return [...(redis.status === 'ready' ? [] : ['redis']), ...postgres, ...stock];
    },
  });
  lifecycle.onStop('http', () => app.close());
  const address = await app.listen({ host: config.bindAddress, port: config.port });
  log.info({ address }, 'workers are up');
  reportReady();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String(error)}\n`);
  process.exit(1);
});
