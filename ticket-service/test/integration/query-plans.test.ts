import { randomUUID } from 'node:crypto';
import { createLog } from '@ropeline/core/log.ts';
import { connectPostgres } from '@ropeline/core/postgres/connect.ts';
import { decodeOrder } from '@ropeline/core/stock/outbox.ts';
import { expect, it } from 'vitest';
import { migratedDatabase } from '../../../testing/migrated-database.ts';
import { fillTables, recordStatements, wholeReads } from '../../../testing/query-plans.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { Sessions } from '../../src/members/sessions.ts';
import { OrderRows } from '../../src/orders/order-rows.ts';
import { PaymentRows } from '../../src/payments/payment-rows.ts';
import { readSeatMap } from '../../src/source-systems/seat-map.ts';

it('no statement of a request or of the settler reads a table that grows from end to end', async () => {
  const url = await migratedDatabase();
  const log = createLog('test', 'silent');
  const open = () =>
    cleanedUp(connectPostgres(url, { name: 'test', log, statementTimeoutMs: 120_000 }), (it) => it.end());
  const filled = open();
  await fillTables(filled);
  const { rows } = await filled.query<{ order_id: string }>(
    `select order_id from orders where state = 'RESERVED' limit 1`,
  );
  const orderId = rows[0]?.order_id ?? '';
  const pool = open();
  const statements = recordStatements(pool);

  const orders = new OrderRows(pool);
  const order = await orders.read(orderId);
  expect(order).toBeDefined();
  await orders.ofMember('member7', 50);
  await orders.ofMemberAndOffers('member7', [7, 8]);
  await readSeatMap(pool, 7);
  await orders.ofKey('member7', 7, 'key6');
  await orders.versions([orderId]);
  for await (const page of orders.open(100)) expect(page.length).toBeGreaterThan(0);
  const payments = new PaymentRows(pool);
  const next = decodeOrder(
    Object.fromEntries(
      Object.entries({ ...order, version: 9, state: 'PAYING', attempt: 2 }).map(([name, value]) => [
        name,
        String(value),
      ]),
    ),
  );
  if (next === undefined) throw new Error('not an order');
  expect(await payments.begin(next, 'e')).toMatchObject({ kind: 'written' });
  await payments.find(orderId, 2);
  await payments.unsettled(orderId);
  await payments.settle(orderId, 2, 'paid');
  await payments.owe(orderId);
  expect((await payments.takeUnsettled(20)).length).toBeGreaterThan(0);
  const sessions = new Sessions(pool);
  const { refreshToken } = await sessions.open('member7', 'member');
  expect(await sessions.rotate(refreshToken)).toBeDefined();
  await sessions.revoke(randomUUID());

  expect(statements.length).toBeGreaterThan(10);
  expect(await wholeReads(filled, statements)).toEqual([]);
});
