import type { OutboxEntry } from '@ropeline/core/jobs/outbox-entry.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { listDeadLetters } from '@ropeline/core/postgres/dead-letters.ts';
import { beginLife } from '@ropeline/core/postgres/stock-life.ts';
import { inTransaction } from '@ropeline/core/postgres/transaction.ts';
import { readWatermark } from '@ropeline/core/postgres/watermarks.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';
import { describe, expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import { retryDueLetters, tryLetter } from '../../src/dead-letter-tries.ts';
import { type ChunkResult, persistChunk } from '../../src/outbox/persist-chunk.ts';
import { anOrder, moved, shop, storedOrders, takenOf } from '../support/orders.ts';

let sequence = 0;

function persist(pool: Pool, ...orders: readonly OrderRecord[]): Promise<ChunkResult> {
  const entries = orders.map((order): OutboxEntry => {
    sequence += 1;
    return { kind: 'order', id: { ms: 1, seq: sequence }, order };
  });
  return persistChunk(pool, { epoch: 'e1', partition: 0, entries, last: { ms: 1, seq: sequence } });
}

/** Versions of which there is an event. */
async function told(pool: Pool): Promise<readonly number[]> {
  const { rows } = await pool.query<{ version: number }>(
    `select version from events where aggregate = 'order' order by version`,
  );
  return rows.map(({ version }) => version);
}

const reserved = anOrder();
const paying = moved(reserved, 'PAYING', { attempt: 1 });
const completed = moved(paying, 'COMPLETED');
const expired = moved(reserved, 'EXPIRED');

describe("an order's transitions end in its last state", () => {
  test.each<[string, readonly (readonly OrderRecord[])[]]>([
    ['in one chunk', [[reserved, paying, completed]]],
    ['in two chunks', [[reserved], [paying, completed]]],
    ['in the wrong order within a chunk', [[completed, reserved, paying]]],
    ['in the wrong order of chunks', [[completed], [paying], [reserved]]],
    [
      'twice',
      [
        [reserved, paying, completed],
        [reserved, paying, completed],
      ],
    ],
    ['twice, cut differently', [[reserved, paying], [paying, completed], [reserved], [completed, completed]]],
  ])('%s', async (_name, chunks) => {
    const pool = await shop(1);
    for (const chunk of chunks) await persist(pool, ...chunk);
    expect(await storedOrders(pool)).toEqual([{ orderId: reserved.orderId, version: 3, state: 'COMPLETED' }]);
    expect(await takenOf(pool)).toBe(1);
    expect(await told(pool)).toEqual([1, 2, 3]);
  });

  test('with every field and time as it was', async () => {
    const pool = await shop(10);
    const order = anOrder({
      quantity: 3,
      units: '3',
      amountMinor: 2 ** 53 - 1,
      entry: 'v.1',
      holdUntil: 1_763_715_768_123,
    });
    await persist(pool, order);
    const { rows } = await pool.query('select * from orders');
    expect(rows[0]).toMatchObject({
      member_id: order.memberId,
      quantity: 3,
      taken: 3,
      amount_minor: String(2 ** 53 - 1),
      entry: 'v.1',
      hold_until: new Date(1_763_715_768_123),
      created_at: new Date(order.createdAt),
    });
  });
});

describe('the count of an offer', () => {
  test('is given back by an expiry, once, however often it is written', async () => {
    const pool = await shop(1);
    await persist(pool, reserved);
    expect(await takenOf(pool)).toBe(1);
    await persist(pool, expired);
    await persist(pool, expired, reserved);
    expect(await takenOf(pool)).toBe(0);
  });

  test('lets one order have the unit that another gives back in the same chunk, whichever stands first', async () => {
    const pool = await shop(1);
    await persist(pool, reserved);
    const next = anOrder();
    const result = await persist(pool, next, expired);
    expect(result).toMatchObject({ rows: 2, letters: 0 });
    expect(await takenOf(pool)).toBe(1);
  });

  test('stays right when chunks of different offers and orders are written at once, with repeats', async () => {
    const pool = await shop(100, 100, 100);
    const orders = Array.from({ length: 120 }, (_, at) => anOrder({ offerId: (at % 3) + 1 }));
    const later = orders.map((order, at) => moved(order, at % 2 === 0 ? 'CANCELLED' : 'PAYING'));
    const lanes = [orders, later, [...later].reverse(), [...orders, ...later]];
    await Promise.all(
      lanes.map((lane, partition) =>
        persistChunk(pool, {
          epoch: 'e1',
          partition,
          entries: lane.map((order, at) => ({ kind: 'order', id: { ms: 1, seq: at }, order })),
          last: { ms: 1, seq: 999 },
        }),
      ),
    );
    expect(await Promise.all([1, 2, 3].map((offer) => takenOf(pool, offer)))).toEqual([20, 20, 20]);
    expect(new Set((await storedOrders(pool)).map(({ version }) => version))).toEqual(new Set([2]));
  });

  test('cannot be passed by hand either', async () => {
    const pool = await shop(1);
    await persist(pool, reserved);
    await expect(pool.query(`update orders set quantity = 2, units = '2'`)).rejects.toThrow(
      'offers_never_oversold',
    );
    expect(await takenOf(pool)).toBe(1);
    await pool.query('delete from orders');
    expect(await takenOf(pool)).toBe(0);
  });
});

describe('poison', () => {
  test('goes to the dead letters, its neighbours persist, the watermark moves on', async () => {
    const pool = await shop(2);
    const orders = Array.from({ length: 5 }, () => anOrder());
    const result = await persist(pool, ...orders);
    expect(result).toMatchObject({ rows: 2, letters: 3 });
    expect(await takenOf(pool)).toBe(2);
    expect((await storedOrders(pool)).map(({ orderId }) => orderId).sort()).toEqual(
      orders
        .slice(0, 2)
        .map(({ orderId }) => orderId)
        .sort(),
    );
    const letters = await listDeadLetters(pool, { all: false, limit: 10 });
    expect(new Set(letters.map(({ subject }) => subject))).toEqual(
      new Set(orders.slice(2).map(({ orderId }) => `${orderId}:1`)),
    );
    expect(letters[0]?.error).toContain('offers_never_oversold');
    expect(await readWatermark(pool, 0)).toEqual({ ms: 1, seq: sequence });
  });

  test.each<[string, Partial<OrderRecord>]>([
    ['an unknown offer', { offerId: 99 }],
    ['a number beyond the column', { quantity: 2 ** 31 }],
    ['a character that Postgres cannot store', { memberId: 'a\0b' }],
    ['a currency that is none', { currency: 'won' }],
  ])('by %s costs only itself', async (_name, overrides) => {
    const pool = await shop(10);
    const good = [anOrder(), anOrder()];
    expect(
      await persist(pool, good[0] as OrderRecord, anOrder(overrides), good[1] as OrderRecord),
    ).toMatchObject({
      rows: 2,
      letters: 1,
    });
    expect(await takenOf(pool)).toBe(2);
  });

  test('by an idempotency key that another order has is kept out', async () => {
    const pool = await shop(10);
    const first = anOrder({ memberId: 'm', idempotencyKey: 'k' });
    await persist(pool, first);
    expect(await persist(pool, anOrder({ memberId: 'm', idempotencyKey: 'k' }))).toMatchObject({
      letters: 1,
    });
    expect(await persist(pool, anOrder({ memberId: 'm', idempotencyKey: '' }))).toMatchObject({ rows: 1 });
    expect(await persist(pool, anOrder({ memberId: 'm', idempotencyKey: '' }))).toMatchObject({ rows: 1 });
  });

  test('that is an unreadable entry is dead at once and keeps its fields', async () => {
    const pool = await shop(1);
    const entry: OutboxEntry = { kind: 'unreadable', id: { ms: 5, seq: 1 }, fields: { orderId: 'x\0' } };
    await persistChunk(pool, { epoch: 'e1', partition: 3, entries: [entry], last: entry.id });
    const [letter] = await listDeadLetters(pool, { all: false, limit: 10 });
    expect(letter).toMatchObject({ queue: 'outbox-3', subject: '5-1', nextTryAt: null });
    expect(letter?.payload).toEqual({ orderId: 'x\ufffd' });
    expect(await tryLetter(pool, letter?.id ?? 0)).toMatchObject({ kind: 'refused' });
  });

  test('written twice is one letter', async () => {
    const pool = await shop(0);
    await persist(pool, reserved);
    await persist(pool, reserved);
    expect(await listDeadLetters(pool, { all: true, limit: 10 })).toHaveLength(1);
  });
});

describe('a dead letter', () => {
  test('is settled by its own retry when the unit came free meanwhile', async () => {
    const pool = await shop(1);
    await persist(pool, reserved);
    const next = anOrder();
    await persist(pool, next);
    await persist(pool, expired);
    await until(async () => {
      await retryDueLetters(pool, (id) => tryLetter(pool, id));
      return (await listDeadLetters(pool, { all: false, limit: 10 })).length === 0;
    });
    expect(await takenOf(pool)).toBe(1);
    expect((await storedOrders(pool)).find(({ orderId }) => orderId === next.orderId)?.state).toBe(
      'RESERVED',
    );
    expect(await told(pool)).toEqual([1, 1, 2]);
  });

  test('is settled without effect when a higher version was written', async () => {
    const pool = await shop(1);
    const next = anOrder();
    await persist(pool, reserved);
    await persist(pool, next);
    await persist(pool, moved(next, 'EXPIRED'));
    const [letter] = await listDeadLetters(pool, { all: false, limit: 1 });
    expect(await tryLetter(pool, letter?.id ?? 0)).toMatchObject({ kind: 'settled' });
    expect(await takenOf(pool)).toBe(1);
    expect((await storedOrders(pool)).find(({ orderId }) => orderId === next.orderId)?.version).toBe(2);
  });

  test('is tried for as long as a rush may hide the release of its unit', async () => {
    const pool = await shop(1);
    await persist(pool, reserved);
    await persist(pool, anOrder());
    for (let tries = 2; tries <= 20; tries += 1) {
      const [letter] = await listDeadLetters(pool, { all: false, limit: 1 });
      expect(await tryLetter(pool, letter?.id ?? 0)).toMatchObject({ kind: 'refused' });
    }
    const [tried] = await listDeadLetters(pool, { all: false, limit: 1 });
    expect(tried).toMatchObject({ attempts: 20, nextTryAt: expect.any(Date) });
  });

  test('is dead after thirty tries and can be re-driven for good once the cause is gone', async () => {
    const pool = await shop(0);
    await persist(pool, reserved);
    const [letter] = await listDeadLetters(pool, { all: false, limit: 1 });
    const id = letter?.id ?? 0;
    for (let tries = 2; tries <= 30; tries += 1) {
      expect(await tryLetter(pool, id)).toMatchObject({ kind: 'refused' });
    }
    const [dead] = await listDeadLetters(pool, { all: false, limit: 1 });
    expect(dead).toMatchObject({ attempts: 30, nextTryAt: null, redrivenAt: null });
    await pool.query('update offers set capacity = 1');
    expect(await tryLetter(pool, id)).toMatchObject({ kind: 'settled' });
    expect(await tryLetter(pool, id)).toMatchObject({ kind: 'settled' });
    expect(await takenOf(pool)).toBe(1);
    expect(await listDeadLetters(pool, { all: false, limit: 1 })).toEqual([]);
  });
});

test('a letter of a life of the stock that is over is void, also for an operator', async () => {
  const pool = await shop(1);
  await persist(pool, reserved);
  await persist(pool, anOrder());
  await pool.query('update offers set capacity = 2');
  await inTransaction(pool, (client) => beginLife(client, 'another'));
  const [letter] = await listDeadLetters(pool, { all: false, limit: 1 });
  expect(await tryLetter(pool, letter?.id ?? 0)).toMatchObject({
    kind: 'refused',
    error: 'of a life of the stock that is over',
  });
  expect(await takenOf(pool)).toBe(1);
});

test('a letter that is tried while another life begins waits for it, and is not in its way', async () => {
  const pool = await shop(1);
  await inTransaction(pool, (client) => beginLife(client, 'e1'));
  await persist(pool, reserved);
  await persist(pool, anOrder());
  await pool.query('update offers set capacity = 2');
  const [letter] = await listDeadLetters(pool, { all: false, limit: 1 });
  const trying = await inTransaction(pool, async (client) => {
    await beginLife(client, 'another');
    const tried = tryLetter(pool, letter?.id ?? 0);
    await until(async () => {
      const { rowCount } = await pool.query(
        `select from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock' and query ~ 'stock_life for share'`,
      );
      return rowCount === 1;
    });
    // What is not void yet is what the rebuild voids: it has to get at the letter.
    await client.query('update dead_letters set next_try_at = null where redriven_at is null');
    return { tried };
  });
  expect(await trying.tried).toMatchObject({ kind: 'refused', error: 'of a life of the stock that is over' });
  expect(await takenOf(pool)).toBe(1);
});

describe('units with names', () => {
  const seats = async (pool: Awaited<ReturnType<typeof shop>>): Promise<void> => {
    await pool.query(
      `insert into offers (offer_id, kind, title, capacity, price_minor, currency) values (7, 'seats', 'a hall', 3, 1, 'KRW')`,
    );
    await pool.query(
      `insert into seats (offer_id, seat, section, price_minor, at)
       select 7, 'A' || n, 'stalls', 100, n from generate_series(1, 3) n`,
    );
  };
  const ownersOf = async (pool: Awaited<ReturnType<typeof shop>>): Promise<Record<string, string>> => {
    const { rows } = await pool.query<{ unit: string; order_id: string }>(
      'select unit, order_id from order_units where offer_id = 7',
    );
    return Object.fromEntries(rows.map(({ unit, order_id }) => [unit, order_id]));
  };
  const seated = (units: string) => anOrder({ offerId: 7, units, quantity: units.split(',').length });

  test('belong to one order each: a second one is poison, whoever writes it', async () => {
    const pool = await shop(1);
    await seats(pool);
    const [first, second] = [seated('A1,A2'), seated('A2')];
    expect(await persist(pool, first)).toMatchObject({ rows: 1, letters: 0 });
    expect(await persist(pool, second)).toMatchObject({ rows: 0, letters: 1 });
    expect(await ownersOf(pool)).toEqual({ A1: first.orderId, A2: first.orderId });
    await expect(pool.query(`update orders set units = 'A1,A3'`)).resolves.toBeDefined();
  });

  test('go from one order to the next within a chunk, twice and in the wrong order', async () => {
    const pool = await shop(1);
    await seats(pool);
    const first = seated('A1,A3');
    const second = seated('A3');
    const gone = moved(first, 'CANCELLED');
    await persist(pool, first);
    await persist(pool, second, gone, first);
    await persist(pool, second, gone, first);
    expect(await ownersOf(pool)).toEqual({ A3: second.orderId });
  });

  test('must be units of the offer', async () => {
    const pool = await shop(1);
    await seats(pool);
    expect(await persist(pool, seated('Z9'))).toMatchObject({ rows: 0, letters: 1 });
  });

  test('of a stay lie within the nights for sale, and stays may touch', async () => {
    const pool = await shop(1);
    await pool.query(
      `insert into offers (offer_id, kind, title, capacity, price_minor, currency, first_night, end_of_nights)
       values (8, 'nights', 'a room', 31, 1, 'KRW', '2026-12-01', '2027-01-01')`,
    );
    const stay = (...nights: readonly string[]) =>
      anOrder({ offerId: 8, units: nights.join(','), quantity: nights.length });
    expect(await persist(pool, stay('2026-12-30', '2026-12-31'))).toMatchObject({ rows: 1, letters: 0 });
    expect(await persist(pool, stay('2026-12-29'))).toMatchObject({ rows: 1, letters: 0 });
    expect(await persist(pool, stay('2026-12-31', '2027-01-01'))).toMatchObject({ rows: 0, letters: 1 });
    expect(await persist(pool, stay('2027-01-01'))).toMatchObject({ rows: 0, letters: 1 });
  });
});

test('every version of an order that Postgres refuses is a letter, and an event once it is settled', async () => {
  const pool = await shop(0);
  expect(await persist(pool, reserved, paying)).toMatchObject({ rows: 0, letters: 2 });
  expect(await told(pool)).toEqual([]);
  await pool.query('update offers set capacity = 1');
  for (const { id } of await listDeadLetters(pool, { all: false, limit: 10 })) {
    expect(await tryLetter(pool, id)).toMatchObject({ kind: 'settled' });
  }
  expect(await told(pool)).toEqual([1, 2]);
  expect(await storedOrders(pool)).toMatchObject([{ version: 2, state: 'PAYING' }]);
});

test('a chunk of another life of the stock is not written', async () => {
  const pool = await shop(5);
  await persist(pool, reserved);
  await pool.query(`insert into stock_life (epoch) values ('e2')`);
  await expect(persist(pool, paying)).rejects.toThrow('of another life');
  expect(await storedOrders(pool)).toMatchObject([{ version: 1, state: 'RESERVED' }]);
});
