import type { Pool, PoolClient } from 'pg';

/**
 * Runs `work` in one transaction (READ COMMITTED) on a connection of its own. Commits when it resolves, rolls back
 * when it throws. When the commit's answer is lost the outcome is unknown: `work` must be safe to repeat.
 */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  return onConnection(pool, async (client, noteBroken) => {
    try {
      await client.query('begin');
      const result = await work(client);
      await client.query('commit');
      return result;
    } catch (error) {
      await client.query('rollback').catch(noteBroken);
      throw error;
    }
  });
}

/**
 * Runs `work` on a connection of its own. One that broke, or that `work` notes as broken because it cannot be left
 * clean, is closed and not used again.
 */
export async function onConnection<T>(
  pool: Pool,
  work: (client: PoolClient, noteBroken: (error: Error) => void) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  // A connection that dies between two statements says so by an event, and nobody listening ends the process.
  const noteBroken = (error: Error): void => {
    broken = error;
  };
  client.on('error', noteBroken);
  try {
    return await work(client, noteBroken);
  } finally {
    client.off('error', noteBroken);
    client.release(broken);
  }
}

/** Runs `work` behind a savepoint: when it throws, the transaction goes on as if it had not begun. */
export async function inSavepoint<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
  await client.query('savepoint part');
  try {
    const result = await work();
    await client.query('release savepoint part');
    return result;
  } catch (error) {
    await client.query('rollback to savepoint part; release savepoint part');
    throw error;
  }
}
