import { createLog } from '@ropeline/core/log.ts';
import { connectPostgres } from '@ropeline/core/postgres/connect.ts';
import { connectRedisOrCluster, untilReady } from '@ropeline/core/redis/connect.ts';
import { Refusal } from './refusal.ts';

const log = createLog('start', 'silent');

/** Throws {@link Refusal} when a Redis that the environment names does not answer. */
export async function checkGivenRedis(setting: string, url: string): Promise<void> {
  const redis = connectRedisOrCluster(url, { name: 'ropeline-start', log });
  try {
    await untilReady(redis, 5_000);
  } catch (cause) {
    throw new Refusal(`${setting} is set, but no Redis answers there within 5 s.`, { cause });
  } finally {
    redis.disconnect();
  }
}

/** Throws {@link Refusal} when the Postgres that the environment names does not answer. */
export async function checkGivenPostgres(url: string): Promise<void> {
  const pool = connectPostgres(url, { name: 'ropeline-start', log, maxConnections: 1 });
  try {
    await pool.query('select 1');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Refusal(`DATABASE_URL is set, but Postgres does not answer there: ${why}`, { cause });
  } finally {
    await pool.end();
  }
}
