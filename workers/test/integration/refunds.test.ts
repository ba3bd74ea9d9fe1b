import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { httpProvider } from '@ropeline/core/payments/http-provider.ts';
import { inTransaction } from '@ropeline/core/postgres/transaction.ts';
import { upsertOrders } from '@ropeline/core/postgres/upsert-orders.ts';
import { expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { createMetrics } from '../../src/metrics.ts';
import { payRefunds } from '../../src/refunds.ts';
import { anOrder, shop, silentLog } from '../support/orders.ts';

async function openProvider() {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-refunds-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const simulator = await spawnService('payment-simulator/src/main.ts', 'PAYMENT_PORT', {
    LEDGER_FILE: join(folder, 'ledger.jsonl'),
  });
  const provider = cleanedUp(httpProvider({ url: simulator.url }), (it) => it.close());
  const ledger = async () =>
    (await (await fetch(`${simulator.url}/ledger`)).json()) as Record<string, unknown>;
  return { provider, ledger };
}

test('money that is due goes back once, by whichever of several workers, also when it was refunded before', async () => {
  const pool = await shop(100);
  const { provider, ledger } = await openProvider();
  const orders = Array.from({ length: 30 }, () => anOrder({ state: 'CANCELLED', attempt: 1 }));
  await inTransaction(pool, (client) => upsertOrders(client, orders));
  for (const [at, { orderId, amountMinor, currency }] of orders.entries()) {
    const reference = `${orderId}:1`;
    await provider.charge({ reference, amountMinor, currency });
    if (at === 0) await provider.refund({ reference, amountMinor, currency });
    await pool.query(
      `insert into payments (order_id, attempt, state, reference, amount_minor, currency)
       values ($1, 1, 'refund-due', $2, $3, $4)`,
      [orderId, reference, amountMinor, currency],
    );
  }
  const metrics = createMetrics();
  const parts = { pool, provider, metrics, log: silentLog };
  await until(async () => {
    await Promise.all([payRefunds(parts), payRefunds(parts), payRefunds(parts)]);
    const { rows } = await pool.query(`select 1 from payments where state <> 'refunded'`);
    return rows.length === 0;
  });
  expect(await ledger()).toMatchObject({ paid: 0, refunded: 30, keptMinor: {} });
});

test('a refund that cannot be made now is noted with its reason and tried later', async () => {
  const pool = await shop(1);
  const provider = cleanedUp(httpProvider({ url: 'http://127.0.0.1:1' }), (it) => it.close());
  const order = anOrder({ state: 'CANCELLED', attempt: 1 });
  await inTransaction(pool, (client) => upsertOrders(client, [order]));
  await pool.query(
    `insert into payments (order_id, attempt, state, reference, amount_minor, currency)
     values ($1, 1, 'refund-due', 'r1', 100, 'KRW')`,
    [order.orderId],
  );
  const before = new Date();
  await payRefunds({ pool, provider, metrics: createMetrics(), log: silentLog });
  const { rows } = await pool.query('select state, tries, error, next_try_at > $1 as later from payments', [
    before,
  ]);
  expect(rows).toMatchObject([{ state: 'refund-due', tries: 1, later: true }]);
  expect(rows[0].error).toContain('unknown');
});
