import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort } from '../../../scripts/services/free-port.ts';
import { startPostgres } from '../../../scripts/services/postgres-server.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { bearer } from '../support/http.ts';
import { afterSql, type KillPoint, openSite } from '../support/kill-points.ts';

type Round = {
  readonly at: KillPoint;
  /** What the member hears. */
  readonly status: 202 | 503;
  /** The attempt that is charged in the end. */
  readonly charged: 1 | 2;
};

const rounds: readonly Round[] = [
  {
    at: { name: 'within the transaction', ...afterSql('insert into payments') },
    // Certainly not written: the hold stays, and the next click is the next attempt.
    ...{ status: 503, charged: 2 },
  },
  {
    at: { name: 'before its commit', ...afterSql('insert into payments', 'commit'), when: 'before' },
    ...{ status: 202, charged: 1 },
  },
  {
    at: { name: 'after its commit', ...afterSql('insert into payments', 'commit') },
    ...{ status: 202, charged: 1 },
  },
];

it('Postgres killed at any point of the transaction that begins a payment: charged once, or not and the hold stays', async () => {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-postgres-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const port = await freePort();
  const start = async () => cleanedUp(await startPostgres({ folder, port }), (it) => it.kill());
  let postgres = await start();
  const site = await openSite({}, { databaseUrl: postgres.url });
  const { shop } = site;
  await site.spawn('workers');
  for (const [round, { at, status, charged }] of rounds.entries()) {
    const token = await shop.join(`testuser${round + 1}`);
    const { body } = await shop.order(token, { offerId: 11, quantity: 1 });
    const orderId = String(body['orderId']);
    const taps = await site.taps();
    const service = await site.spawn('ticket-service', taps);
    const reached = taps.postgres.freezeAt(at);
    const answer = fetch(`${service.url}/api/orders/${orderId}/pay`, {
      method: 'POST',
      headers: bearer(token),
    });
    await Promise.race([
      reached,
      answer.then((early) => {
        throw new Error(`${at.name}: it answered ${early.status} instead`);
      }),
    ]);
    process.kill(postgres.pid, 'SIGKILL');
    await postgres.exited;
    // Its sessions see that it died, and leave the memory that they shared, a moment later.
    postgres = await until(start);
    taps.postgres.thaw();

    expect((await answer).status, at.name).toBe(status);
    const { rows } = await shop.pool.query('select attempt from payments where order_id = $1', [orderId]);
    expect(rows, at.name).toEqual(at.name === 'after its commit' ? [{ attempt: 1 }] : []);
    if (status === 503) {
      expect((await shop.get(token, `/api/orders/${orderId}`)).body['state'], at.name).toBe('RESERVED');
      expect((await shop.pay(token, orderId)).status, at.name).toBe(200);
    }
    await until(async () => {
      await site.age(orderId);
      const { rows: ends } = await shop.pool.query(
        `select orders.state, orders.attempt, payments.state as payment
         from orders join payments using (order_id, attempt) where order_id = $1`,
        [orderId],
      );
      const expected = { state: 'COMPLETED', attempt: charged, payment: 'paid' };
      return JSON.stringify(ends) === JSON.stringify([expected]);
    }).catch((cause: unknown) => {
      throw new Error(at.name, { cause });
    });
    expect(await shop.charges(), at.name).toMatchObject({ paid: round + 1, refunded: 0 });
    await service.kill();
  }
  await until(async () => (await shop.stock(11))['sold'] === 3);
  expect(await shop.stock(11)).toMatchObject({ held: 0, sold: 3 });
});
