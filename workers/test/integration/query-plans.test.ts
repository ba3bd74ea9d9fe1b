import { consumeEvents, eventLags } from '@ropeline/core/events/consume-events.ts';
import { connectPostgres } from '@ropeline/core/postgres/connect.ts';
import { countDeadLetters, listDeadLetters } from '@ropeline/core/postgres/dead-letters.ts';
import { expect, it } from 'vitest';
import { migratedDatabase } from '../../../testing/migrated-database.ts';
import { fillTables, recordStatements, wholeReads } from '../../../testing/query-plans.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { retryDueLetters, tryLetter } from '../../src/dead-letter-tries.ts';
import { eventTallies, readTallies } from '../../src/events/event-tallies.ts';
import { createMetrics } from '../../src/metrics.ts';
import { persistChunk } from '../../src/outbox/persist-chunk.ts';
import { payRefunds } from '../../src/refunds.ts';
import { anOrder, moved, silentLog } from '../support/orders.ts';

it('no statement of the workers reads a table that grows from end to end', async () => {
  const url = await migratedDatabase();
  const open = () =>
    cleanedUp(connectPostgres(url, { name: 'test', log: silentLog, statementTimeoutMs: 120_000 }), (it) =>
      it.end(),
    );
  const filled = open();
  await fillTables(filled);
  const pool = open();
  const statements = recordStatements(pool);

  const order = anOrder();
  const orders = [order, moved(order, 'PAYING'), anOrder({ offerId: 99 }), anOrder({ quantity: 2 })];
  await persistChunk(pool, {
    epoch: 'e',
    partition: 0,
    entries: orders.map((entry, at) => ({ kind: 'order', id: { ms: 1, seq: at }, order: entry })),
    last: { ms: 1, seq: 9 },
  });
  await pool.query(`update dead_letters set next_try_at = now() where redriven_at is null`);
  await retryDueLetters(pool, (id) => tryLetter(pool, id));
  await countDeadLetters(pool);
  await listDeadLetters(pool, { all: false, limit: 10 });
  await filled.query(`update payments set state = 'refund-due' where state = 'unknown'`);
  const provider = {
    charge: async () => ({ kind: 'unknown' }) as const,
    find: async () => ({ kind: 'unknown' }) as const,
    refund: async () => ({ kind: 'refunded' }) as const,
    findRefund: async () => ({ kind: 'unknown' }) as const,
    close: async () => undefined,
    needsMethod: false,
  };
  await payRefunds({ pool, provider, log: silentLog, metrics: createMetrics() });
  await consumeEvents(pool, eventTallies, 100);
  await eventLags(pool);
  await readTallies(pool);

  expect(statements.length).toBeGreaterThan(15);
  expect(await wholeReads(filled, statements)).toEqual([]);
  // The check itself: what has no index is found.
  expect(
    await wholeReads(filled, [{ text: `select 1 from orders where amount_minor = 7`, values: [] }]),
  ).toHaveLength(1);
});
