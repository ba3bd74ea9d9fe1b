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
      'select offer_id, title, capacity, rooms, stock_room from offers',
    );
    expect(offers).toEqual([
      { offer_id: 1, title: 'changed by the host', capacity: 1_000, rooms: ['demo'], stock_room: 'demo' },
    ]);
    const { rows: products } = await pool.query('select product_id, quantity from products order by 1');
    expect(products).toEqual([
      { product_id: 1, quantity: 100 },
      { product_id: 2, quantity: 50 },
    ]);
  });
});
