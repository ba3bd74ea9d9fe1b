import { newOrderId } from '@ropeline/core/stock/order-id.ts';
import pg from 'pg';
import { expect, it } from 'vitest';
import { migratedDatabase } from '../../../testing/migrated-database.ts';
import { cleanedUp } from '../../../testing/scope.ts';

/** What stands behind Redis and all code: tables of money and units. */
const guarded = ['offers', 'seats', 'orders', 'order_units', 'payments'];

const held = newOrderId(0);
const sold = newOrderId(0);
const other = newOrderId(0);

/** A shop with one unit free of each kind, one pool unit held, seat A1 and the night of the 1st sold. */
const shop = `
  insert into offers (offer_id, kind, title, capacity, price_minor, currency, first_night, end_of_nights) values
    (1, 'pool', 'pool', 2, 100, 'KRW', null, null),
    (2, 'seats', 'hall', 2, 100, 'KRW', null, null),
    (3, 'nights', 'room', 2, 100, 'KRW', '2027-01-01', '2027-01-03');
  insert into seats (offer_id, seat, section, price_minor, at) values (2, 'A1', 'a', 1, 1), (2, 'A2', 'a', 1, 2);
  ${insertOrder(held, { offer: 1, units: '1', quantity: 1 })};
  ${insertOrder(sold, { offer: 2, units: 'A1', quantity: 1, state: 'COMPLETED', key: 'k' })};
  ${insertOrder(newOrderId(0), { offer: 3, units: '2027-01-01', quantity: 1, state: 'COMPLETED' })};
  insert into payments (order_id, attempt, reference, amount_minor, currency) values ('${sold}', 1, 'r', 1, 'KRW')`;

type Values = {
  readonly offer?: number;
  readonly units?: string;
  readonly quantity?: number;
  readonly state?: string;
  readonly key?: string;
  readonly version?: number;
  readonly amount?: number;
  readonly currency?: string;
  readonly attempt?: number;
};

function insertOrder(id: string, values: Values): string {
  const { offer = 1, units = '1', quantity = 1, state = 'RESERVED', key = '', version = 1 } = values;
  const { amount = 1, currency = 'KRW', attempt = 0 } = values;
  return `insert into orders (order_id, version, state, offer_id, member_id, units, quantity, amount_minor, currency,
      attempt, entry, idempotency_key, body_hash, hold_until, created_at, updated_at)
    values ('${id}', ${version}, '${state}', ${offer}, 'm', '${units}', ${quantity}, ${amount}, '${currency}',
      ${attempt}, '', '${key}', '', now(), now(), now())`;
}

const order = (values: Values): string => insertOrder(other, values);
const payment = (columns: string, values: string): string =>
  `insert into payments (${columns}) values (${values})`;
const offer = (columns: string, values: string): string =>
  `insert into offers (kind, title, price_minor, currency, capacity${columns}) values (${values})`;

/** By constraint, statements that only it keeps out. */
const tries: Record<string, readonly string[]> = {
  offers_never_oversold: [
    order({ quantity: 2, units: '2' }),
    order({ offer: 2, units: 'A2,A3', quantity: 2 }),
    `update offers set capacity = 0 where offer_id = 1`,
    `update orders set units = '3', quantity = 3 where order_id = '${held}'`,
    `update offers set taken = -1 where offer_id = 1`,
  ],
  order_units_pkey: [
    order({ offer: 2, units: 'A1' }),
    order({ offer: 3, units: '2027-01-01' }),
    `insert into order_units values (2, 'A1', '${held}')`,
  ],
  order_units_order_id_fkey: [`insert into order_units values (2, 'A2', '${other}')`],
  'no such unit': [
    order({ offer: 2, units: 'Z9' }),
    order({ offer: 3, units: '2027-01-03' }),
    order({ offer: 3, units: '2026-12-31' }),
  ],
  'an offer that does not exist': [order({ offer: 99 })],
  orders_pkey: [insertOrder(held, { units: '1' })],
  orders_idempotency: [order({ offer: 2, units: 'A2', key: 'k' })],
  orders_units_counted: [order({ units: '2', quantity: 1 }), order({ offer: 2, units: 'A2', quantity: 2 })],
  orders_quantity_check: [order({ quantity: 0, units: '0' })],
  orders_version_check: [order({ version: 0 })],
  orders_state_check: [order({ state: 'PENDING' })],
  orders_amount_minor_check: [order({ amount: -1 })],
  orders_currency_check: [order({ currency: 'won' })],
  orders_attempt_check: [order({ attempt: -1 })],
  payments_pkey: [
    payment('order_id, attempt, reference, amount_minor, currency', `'${sold}', 1, 's', 1, 'KRW'`),
  ],
  payments_reference_key: [
    payment('order_id, attempt, reference, amount_minor, currency', `'${sold}', 2, 'r', 1, 'KRW'`),
  ],
  payments_order_id_fkey: [
    payment('order_id, attempt, reference, amount_minor, currency', `'${other}', 1, 's', 1, 'KRW'`),
    `delete from orders where order_id = '${sold}'`,
  ],
  payments_attempt_check: [
    payment('order_id, attempt, reference, amount_minor, currency', `'${sold}', 0, 's', 1, 'KRW'`),
  ],
  payments_amount_minor_check: [
    payment('order_id, attempt, reference, amount_minor, currency', `'${sold}', 2, 's', -1, 'KRW'`),
  ],
  payments_state_check: [`update payments set state = 'lost'`],
  offers_pkey: [offer(', offer_id', `'pool', 't', 1, 'KRW', 1, 1`)],
  offers_kind_check: [offer('', `'thing', 't', 1, 'KRW', 1`)],
  offers_title_check: [offer('', `'pool', '', 1, 'KRW', 1`)],
  offers_capacity_check: [offer('', `'pool', 't', 1, 'KRW', 10000001`)],
  offers_price_minor_check: [
    offer('', `'pool', 't', -1, 'KRW', 1`),
    offer('', `'pool', 't', 9007199254740992, 'KRW', 1`),
  ],
  offers_currency_check: [offer('', `'pool', 't', 1, 'krw', 1`)],
  offers_stock_room_check: [offer(', stock_room', `'pool', 't', 1, 'KRW', 1, 'A room'`)],
  offers_per_entry_check: [offer(', per_entry', `'pool', 't', 1, 'KRW', 1, 0`)],
  offers_per_member_check: [offer(', per_member', `'pool', 't', 1, 'KRW', 1, 0`)],
  offers_host_id_fkey: [offer(', host_id', `'pool', 't', 1, 'KRW', 1, 'nobody'`)],
  offers_shards_check: [offer(', shards', `'pool', 't', 1, 'KRW', 1, 65`)],
  offers_only_pools_have_shards: [offer(', shards', `'seats', 't', 1, 'KRW', 1, 2`)],
  offers_nights: [offer('', `'nights', 't', 1, 'KRW', 1`)],
  offers_nights_in_order: [
    offer(', first_night, end_of_nights', `'nights', 't', 1, 'KRW', 0, '2027-01-01', '2027-01-01'`),
  ],
  offers_nights_counted: [
    offer(', first_night, end_of_nights', `'nights', 't', 1, 'KRW', 3, '2027-01-01', '2027-01-02'`),
  ],
  seats_pkey: [`insert into seats values (2, 'A1', 'b', 1, 3)`],
  seats_offer_id_fkey: [`insert into seats values (99, 'A1', 'b', 1, 3)`],
  seats_seat_check: [`insert into seats values (2, '1A', 'b', 1, 3)`],
  seats_section_check: [`insert into seats values (2, 'B1', '', 1, 3)`],
  seats_price_minor_check: [`insert into seats values (2, 'B1', 'b', -1, 3)`],
};

async function database(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: await migratedDatabase() });
  await client.connect();
  return cleanedUp(client, (it) => it.end());
}

it('whatever Redis or a worker says, Postgres keeps out what would sell a unit twice or mix up money', async () => {
  const client = await database();
  await client.query(shop);
  for (const [constraint, statements] of Object.entries(tries)) {
    for (const statement of statements) {
      await client.query('begin');
      const refused: unknown = await client.query(statement).catch((error: unknown) => error);
      await client.query('rollback');
      expect(refused, `${constraint} let pass: ${statement}`).toBeInstanceOf(pg.DatabaseError);
      const { constraint: named, message } = refused as pg.DatabaseError;
      expect(`${named} ${message}`, statement).toContain(constraint);
    }
  }
  // What was refused left nothing behind, and the units that are free can be had.
  await client.query(order({ offer: 2, units: 'A2' }));
  const { rows } = await client.query('select offer_id, taken, capacity from offers order by 1');
  expect(rows.map(({ taken, capacity }) => [taken, capacity])).toEqual([
    [1, 2],
    [2, 2],
    [1, 2],
  ]);
});

it('every constraint on units and money is tried here', async () => {
  const client = await database();
  const { rows } = await client.query<{ name: string }>(
    `select conname as name from pg_constraint
     where conrelid = any($1::regclass[]) and contype in ('c', 'u', 'p', 'f')
     union
     select indexrelid::regclass::text from pg_index where indrelid = any($1::regclass[]) and indisunique`,
    [guarded],
  );
  expect(rows.map(({ name }) => name).filter((name) => tries[name] === undefined)).toEqual([]);
});

it('of orders that are written at once for the last units, only as many get in as there are', async () => {
  const url = await migratedDatabase();
  const pool = cleanedUp(new pg.Pool({ connectionString: url, max: 10 }), (it) => it.end());
  await pool.query(shop);
  const outcomes = await Promise.allSettled([
    ...Array.from({ length: 10 }, () => pool.query(insertOrder(newOrderId(0), {}))),
    ...Array.from({ length: 10 }, () => pool.query(insertOrder(newOrderId(0), { offer: 2, units: 'A2' }))),
  ]);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
  const { rows } = await pool.query('select taken from offers order by offer_id');
  expect(rows.map(({ taken }) => taken)).toEqual([2, 2, 1]);
});
