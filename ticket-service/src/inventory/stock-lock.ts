import type { PoolClient } from '@ropeline/core/postgres/connect.ts';

/** Any number that all ticket services agree on. */
const advisoryLock = 7_206_001;

/** One at a time opens, builds or empties the stock, until the transaction ends. */
export async function lockStock(client: PoolClient): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1)', [advisoryLock]);
}
