import { createLog } from '@ropeline/core/log.ts';
import pg from 'pg';
import { pino } from 'pino';
import { expect, it, test } from 'vitest';
import { cleanedUp, freshDatabase } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { runMigrations } from '../../src/migrations.ts';

const log = createLog('test', 'silent');

/** A database as an older release left it, with one offer. */
async function olderDatabase(migrations: number) {
  const databaseUrl = await freshDatabase();
  expect(await runMigrations(databaseUrl, log, migrations)).toHaveLength(migrations);
  const pool = cleanedUp(new pg.Pool({ connectionString: databaseUrl, max: 6 }), (it) => it.end());
  await pool.query(
    `insert into offers (offer_id, kind, title, capacity, price_minor, currency) values (1, 'pool', 'one', 100000, 5, 'KRW')`,
  );
  return { databaseUrl, pool };
}

/** Its code in what Postgres throws. */
const deadlock = '40P01';

type Db = pg.Pool | pg.PoolClient;

async function insertOrder(db: Db, state: string, member = 'm'): Promise<string> {
  const { rows } = await db.query<{ order_id: string }>(
    `insert into orders (order_id, version, state, offer_id, member_id, units, quantity, amount_minor, currency,
       attempt, entry, idempotency_key, body_hash, hold_until, created_at, updated_at)
     values (gen_random_uuid(), 1, $1, 1, $2, '2', 2, 10, 'KRW', 1, '', '', '', now(), now(), now())
     returning order_id`,
    [state, member],
  );
  return rows[0]?.order_id ?? '';
}

async function insertPayment(db: Db, orderId: string, state: string): Promise<void> {
  await db.query(
    `insert into payments (order_id, attempt, state, reference, amount_minor, currency)
     values ($1::uuid, 1, $2, $1 || ':1', 10, 'KRW')`,
    [orderId, state],
  );
}

/** As a payment is begun: the offer, its order, then the payment. `between` runs before the last. */
async function pay(pool: pg.Pool, member: string, between = async () => undefined as unknown): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('select 1 from offers where offer_id = 1 for no key update');
    const orderId = await insertOrder(client, 'PAYING', member);
    await between();
    await insertPayment(client, orderId, 'pending');
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

const isWaiting = `select from pg_stat_activity
  where application_name = 'migrate' and wait_event_type = 'Lock' and datname = current_database()`;

it.each([
  ['before the work of payments', 3],
  ['before events', 5],
  ['before owed money', 8],
])(
  'waits for a payment that is being begun, and neither ends the other: from a release %s',
  async (_name, from) => {
    const { databaseUrl, pool } = await olderDatabase(from);
    const lines: string[] = [];
    const noting = pino({ level: 'info' }, { write: (line) => lines.push(line) });
    let migrating: Promise<readonly string[]> | undefined;
    await pay(pool, 'm', async () => {
      migrating = runMigrations(databaseUrl, noting);
      migrating.catch(() => undefined);
      await until(async () => (await pool.query(isWaiting)).rowCount === 1);
    });
    expect((await migrating)?.length).toBeGreaterThan(0);
    const { rows } = await pool.query('select state, method from payments');
    expect(rows).toEqual([{ state: 'pending', method: null }]);
    expect(lines.join()).not.toContain(deadlock);
  },
);

test('brings an older release’s data along while payments go on, and none of them fails', async () => {
  const { databaseUrl, pool } = await olderDatabase(5);
  const states = ['RESERVED', 'PAYING', 'COMPLETED', 'CANCELLED', 'EXPIRED'];
  const payments = ['pending', 'paid', 'declined', 'unknown', 'refund-due', 'refunded'];
  for (const [at, state] of payments.entries())
    await insertPayment(pool, await insertOrder(pool, states[at % states.length] ?? '', 'old'), state);
  const old = async () =>
    (
      await pool.query(
        `select orders.state, orders.taken, payments.state as payment, payments.amount_minor, payments.tries
         from orders join payments using (order_id) where member_id = 'old' order by order_id`,
      )
    ).rows;
  const before = await old();
  let done = false;
  let paid = 0;
  const traffic = Promise.all(
    ['a', 'b', 'c', 'd'].map(async (member) => {
      for (let n = 0; n < 20 || !done; n += 1) {
        await pay(pool, member);
        paid += 1;
      }
    }),
  );
  await until(() => paid > 10);
  const ran = await runMigrations(databaseUrl, log);
  done = true;
  await traffic;
  expect(ran[0]).toBe('0006_events');
  expect(await old()).toEqual(before);
  const { rows } = await pool.query(
    `select (select count(*)::int from payments) as payments, taken,
       (select sum(taken)::int from orders) as of_orders from offers`,
  );
  const taken = 2 * (paid + before.filter((row) => row.taken > 0).length);
  expect(rows).toEqual([{ payments: paid + before.length, taken, of_orders: taken }]);
});

test('what an upgrade adds is there for old rows, too: a paid order that is cancelled owes its money', async () => {
  const { databaseUrl, pool } = await olderDatabase(8);
  const orderId = await insertOrder(pool, 'COMPLETED');
  await insertPayment(pool, orderId, 'paid');
  await runMigrations(databaseUrl, log);
  await pool.query(`update orders set state = 'CANCELLED', version = 2 where order_id = $1`, [orderId]);
  const { rows } = await pool.query('select state from payments');
  expect(rows).toEqual([{ state: 'refund-due' }]);
  const { rows: events } = await pool.query(`select type from events where aggregate = 'payment-1'`);
  expect(events.map(({ type }) => type)).toContain('refund.due');
});

test('waits as long as somebody reads a table, and lets everybody else read it meanwhile', async () => {
  const { databaseUrl, pool } = await olderDatabase(8);
  const reading = cleanedUp(await pool.connect(), (client) => client.release());
  await reading.query('begin; select count(*) from payments');
  const migrating = runMigrations(databaseUrl, log);
  migrating.catch(() => undefined);
  await until(async () => (await pool.query(isWaiting)).rowCount === 1);
  // Behind the migration that waits; it gives way before a statement of a service would give up.
  await pool.query('select count(*) from payments');
  await reading.query('rollback');
  expect(await migrating).toContain('0009_owed-money');
});
