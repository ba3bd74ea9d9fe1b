import type { Logger } from '@ropeline/core/log.ts';
import { connectPostgres, type Pool } from '@ropeline/core/postgres/connect.ts';
import { seedSourceSystems } from './seed-source-systems.ts';

type Options = {
  readonly databaseUrl: string;
  readonly log: Logger;
  readonly members?: number;
  /** What the replaced systems sold: musicals with their seats, rooms, a coupon. */
  readonly sourceSystems?: boolean;
};

/** Of `qwer1234`, made once: 9,000 hashes would take 80 s. */
const passwordHash =
  '$argon2id$v=19$m=19456,t=2,p=1$C1muOnGNdYM9iBBz9akntw$5HaSOIEeOdFMrC9Dtl7vTRpiusXXJeorJhsJfJDEac4';

/** Acts for callers of source routes that carry no token; nobody can log in as it. */
export const technicalMember = 'source-system';

/**
 * The demo's offer, products and members, in Postgres; the ticket service gives offers their units in Redis when
 * it starts. May run any number of times: what exists is left as it is.
 */
export async function seedDemo(options: Options): Promise<void> {
  const { databaseUrl, log, members = 9_000, sourceSystems = true } = options;
  const pool = connectPostgres(databaseUrl, { name: 'seed', log, maxConnections: 1 });
  try {
    await seedRows(pool, members);
    if (sourceSystems) await seedSourceSystems(pool);
  } finally {
    await pool.end();
  }
}

async function seedRows(pool: Pool, members: number): Promise<void> {
  await pool.query(
    `insert into members (member_id, password_hash)
     select 'testuser' || n, $1 from generate_series(1, $2) n
     on conflict do nothing`,
    [passwordHash, members],
  );
  await pool.query(
    `insert into members (member_id, password_hash, role)
     values ('host1', $1, 'host'), ($2, null, 'member')
     on conflict do nothing`,
    [passwordHash, technicalMember],
  );
  await pool.query(
    `insert into offers
       (offer_id, kind, title, capacity, price_minor, currency, rooms, stock_room, per_entry, per_member, host_id)
     values (1, 'pool', '1,000 tickets', 1000, 50000, 'KRW', '{demo}', 'demo', 4, null, 'host1')
     on conflict do nothing`,
  );
  await pool.query(
    `insert into source_offers (kind, source_id, offer_id) values ('ticket', 1, 1) on conflict do nothing`,
  );
  // Offers that are made later must not be given the number of a seeded one.
  await pool.query(
    `select setval(pg_get_serial_sequence('offers', 'offer_id'), greatest(1000, (select max(offer_id) from offers)))`,
  );
  await pool.query(
    `insert into products (product_id, title, quantity)
     values (1, 'Time deal 1', 100), (2, 'Time deal 2', 50)
     on conflict do nothing`,
  );
}
