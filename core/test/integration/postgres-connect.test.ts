import { expect, inject, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { createLog } from '../../src/log.ts';
import { connectPostgres } from '../../src/postgres/connect.ts';
import { inTransaction } from '../../src/postgres/transaction.ts';

it('does not let a process that froze within a transaction keep its locks', async () => {
  const open = () =>
    cleanedUp(
      connectPostgres(inject('postgresUrl'), {
        name: 'test',
        log: createLog('test', 'silent'),
        statementTimeoutMs: 500,
      }),
      (pool) => pool.end(),
    );
  const [frozen, other] = [open(), open()];
  const { promise: thaw, resolve } = Promise.withResolvers<void>();
  cleanedUp(thaw, () => resolve());
  const { promise: locked, resolve: hasLocked } = Promise.withResolvers<void>();
  const stuck = inTransaction(frozen, async (client) => {
    await client.query('select pg_advisory_xact_lock(4711)');
    hasLocked();
    await thaw;
    await client.query('select 1');
  });
  stuck.catch(() => undefined);
  await locked;
  const tries = 40;
  for (let at = 1; at <= tries; at += 1) {
    const taken = await inTransaction(other, (client) =>
      client.query('select pg_advisory_xact_lock(4711)'),
    ).catch((error: unknown) => error);
    if (!(taken instanceof Error)) break;
    expect(at, 'the lock is still held').toBeLessThan(tries);
  }
  resolve();
  await expect(stuck).rejects.toThrow();
});
