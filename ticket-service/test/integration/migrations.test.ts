import { createLog } from '@ropeline/core/log.ts';
import { connectPostgres, type Pool } from '@ropeline/core/postgres/connect.ts';
import { describe, expect, test } from 'vitest';
import { cleanedUp, freshDatabase } from '../../../testing/scope.ts';
import { seedDemo } from '../../src/demo/seed-demo.ts';
import { runMigrations } from '../../src/migrations.ts';

const log = createLog('test', 'silent');

async function migrated(): Promise<{ readonly databaseUrl: string; readonly pool: Pool }> {
  const databaseUrl = await freshDatabase();
  await runMigrations(databaseUrl, log);
  const pool = cleanedUp(connectPostgres(databaseUrl, { name: 'test', log }), (made) => made.end());
  return { databaseUrl, pool };
}

describe('migrations', () => {
  test('run once when many run them at the same time, and nobody fails', async () => {
    const databaseUrl = await freshDatabase();
    const runs = await Promise.all(Array.from({ length: 5 }, () => runMigrations(databaseUrl, log)));
    const [winner, ...others] = runs.toSorted((a, b) => b.length - a.length);
    expect(winner).toContain('0001_members-and-offers');
    expect(others).toEqual([[], [], [], []]);
  });

  test('keep bad rows out', async () => {
    const { pool } = await migrated();
    for (const statement of [
      `insert into members (member_id) values ('source:7')`,
      `insert into members (member_id, role) values ('mina', 'root')`,
      `insert into members (member_id, password_hash) values ('mina', 'qwer1234')`,
      `insert into offers (kind, title, capacity, price_minor, currency) values ('pool', 'x', -1, 1, 'KRW')`,
      `insert into offers (kind, title, capacity, price_minor, currency) values ('pool', 'x', 1, 1, 'won')`,
      `insert into offers (kind, title, capacity, price_minor, currency) values ('heap', 'x', 1, 1, 'KRW')`,
      `insert into products (product_id, title, quantity) values (1, 'x', -1)`,
    ]) {
      await expect(pool.query(statement)).rejects.toMatchObject({ code: '23514' });
    }
  });
});

describe('seeding', () => {
  test('makes the demo, and changes nothing the second time', async () => {
    const { databaseUrl, pool } = await migrated();
    await seedDemo({ databaseUrl, log });
    await pool.query(`update offers set title = 'changed by the host' where offer_id = 1`);
    await seedDemo({ databaseUrl, log });
    const { rows: members } = await pool.query(
      'select role, count(*)::int as n from members group by role order by n',
    );
    expect(members).toEqual([
      { role: 'host', n: 1 },
      { role: 'member', n: 9_001 },
    ]);
    const { rows: offers } = await pool.query(
      'select offer_id, title, capacity, rooms, stock_room from offers where offer_id = 1',
    );
    expect(offers).toEqual([
      { offer_id: 1, title: 'changed by the host', capacity: 1_000, rooms: ['demo'], stock_room: 'demo' },
    ]);
    const { rows: sources } = await pool.query(
      `select source_offers.kind, count(*)::int as n, min(source_id) as first, max(source_id) as last,
         sum(capacity)::int as units, bool_and(rooms = '{demo}') as in_demo,
         (select count(*)::int from seats where offer_id = any(array_agg(offers.offer_id))) as seats
       from source_offers join offers using (offer_id) group by 1 order by 1`,
    );
    const nights = 36_525;
    expect(sources).toEqual([
      { kind: 'coupon', n: 1, first: 104, last: 104, units: 10_000, in_demo: true, seats: 0 },
      { kind: 'musical', n: 200, first: 1, last: 200, units: 28_000, in_demo: true, seats: 28_000 },
      { kind: 'room', n: 10, first: 1, last: 10, units: 10 * nights, in_demo: true, seats: 0 },
      { kind: 'ticket', n: 1, first: 1, last: 1, units: 1_000, in_demo: true, seats: 0 },
    ]);
    const { rows: products } = await pool.query('select product_id, quantity from products order by 1');
    expect(products).toEqual([
      { product_id: 1, quantity: 100 },
      { product_id: 2, quantity: 50 },
    ]);
  });
});
