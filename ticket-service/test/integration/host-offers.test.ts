import { partitionOfOffer } from '@ropeline/core/stock/stock-keys.ts';
import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { lockStock } from '../../src/inventory/stock-lock.ts';
import { bearer, call } from '../support/http.ts';
import { openStock } from '../support/open-stock.ts';
import { openShop, type Shop } from '../support/shop.ts';

const pool = {
  kind: 'pool',
  title: 'Time deal',
  capacity: 10,
  priceMinor: 900,
  currency: 'KRW',
  rooms: ['demo'],
};

async function asHost(shop: Shop, id = 'host1') {
  const token = await shop.join(id);
  const headers = bearer(token);
  const send = (method: string, path: string, json?: unknown) =>
    call(shop.running, path, { method, headers, ...(json === undefined ? {} : { json }) });
  return {
    token,
    make: (json: unknown) => send('POST', '/api/offers', json),
    change: (offer: unknown, json: unknown) => send('PATCH', `/api/offers/${String(offer)}`, json),
    withdraw: (offer: unknown) => send('DELETE', `/api/offers/${String(offer)}`),
  };
}

const said = ({ status, body }: { status: number; body: Record<string, unknown> }) => [status, body['code']];

it('lets a host make an offer of each kind, and sell of it at once', async () => {
  const shop = await openShop();
  const host = await asHost(shop);
  const buyer = await shop.join();
  const made = await host.make({ ...pool, shards: 3 });
  expect(made).toMatchObject({ status: 201, body: { kind: 'pool', capacity: 10 } });
  const hall = await host.make({
    kind: 'seats',
    title: 'A musical',
    currency: 'KRW',
    rooms: ['demo'],
    sections: [
      { section: 'front', priceMinor: 500, seats: ['A1', 'A2'] },
      { section: 'back', priceMinor: 100, seats: ['B1'] },
    ],
  });
  expect(hall).toMatchObject({ status: 201, body: { capacity: 3 } });
  const room = await host.make({
    ...{ kind: 'nights', title: 'Room 12', priceMinor: 70, currency: 'EUR', rooms: ['demo'] },
    nights: { first: '2026-12-30', end: '2027-01-03', timeZone: 'Asia/Seoul' },
  });
  expect(room).toMatchObject({ status: 201, body: { capacity: 4 } });
  const [poolId, hallId, roomId] = [made, hall, room].map(({ body }) => Number(body['id']));
  expect((await shop.order(buyer, { offerId: poolId, quantity: 7 })).status).toBe(201);
  expect((await shop.order(buyer, { offerId: hallId, seats: ['A2', 'B1'] })).body).toMatchObject({
    amount: { minor: 600 },
  });
  expect((await shop.order(buyer, { offerId: roomId, from: '2026-12-31', to: '2027-01-02' })).status).toBe(
    201,
  );

  await until(async () => {
    const { body } = await call(shop.running, `/api/offers/${hallId}/seats`);
    return JSON.stringify(
      (body['seats'] as { seat: string; free: boolean }[]).filter(({ free }) => free),
    ).includes('A1');
  });
  const seats = (await call(shop.running, `/api/offers/${hallId}/seats`)).body['seats'] as Record<
    string,
    unknown
  >[];
  expect(seats.map(({ seat, section, free }) => [seat, section, free])).toEqual([
    ['A1', 'front', true],
    ['A2', 'front', false],
    ['B1', 'back', false],
  ]);
  const nights = await call(shop.running, `/api/offers/${roomId}/nights?from=2026-12-29&to=2027-01-04`);
  expect(
    (nights.body['nights'] as Record<string, unknown>[]).map(({ night, free }) => [night, free]),
  ).toEqual([
    ['2026-12-29', false],
    ['2026-12-30', true],
    ['2026-12-31', false],
    ['2027-01-01', false],
    ['2027-01-02', true],
    ['2027-01-03', false],
  ]);
});

it('changes an offer: more units at once, fewer not below what is held, a price for new orders', async () => {
  const shop = await openShop();
  const host = await asHost(shop);
  const buyer = await shop.join();
  const { id } = (await host.make(pool)).body;
  expect((await shop.order(buyer, { offerId: id, quantity: 8 })).status).toBe(201);
  expect(said(await host.change(id, { capacity: 7 }))).toEqual([409, 'conflict']);
  expect((await host.change(id, { capacity: 8 })).body).toMatchObject({ capacity: 8 });
  expect(said(await shop.order(buyer, { offerId: id, quantity: 1 }))).toEqual([409, 'all-held']);
  expect((await host.change(id, { capacity: 20, priceMinor: 1, title: 'New' })).body).toMatchObject({
    title: 'New',
  });
  const more = await shop.order(buyer, { offerId: id, quantity: 12 });
  expect(more).toMatchObject({ status: 201, body: { amount: { minor: 12 } } });
  const both = await Promise.all([host.change(id, { capacity: 30 }), host.change(id, { capacity: 25 })]);
  expect(both.map(({ status }) => status)).toEqual([200, 200]);
  const { rows } = await shop.pool.query('select capacity from offers where offer_id = $1', [id]);
  await until(async () => (await shop.stock(Number(id)))['capacity'] === rows[0].capacity);
});

it('withdraws an offer: nothing more is sold, orders that are there can be paid', async () => {
  const shop = await openShop();
  const host = await asHost(shop);
  const buyer = await shop.join();
  const { id } = (await host.make(pool)).body;
  const { body } = await shop.order(buyer, { offerId: id, quantity: 1 }, 'k1');
  expect((await host.withdraw(id)).status).toBe(204);
  expect(said(await shop.order(buyer, { offerId: id, quantity: 1 }))).toEqual([404, 'unknown-offer']);
  expect((await call(shop.running, `/api/offers/${String(id)}`)).status).toBe(404);
  expect((await shop.pay(buyer, body['orderId'])).status).toBe(200);
});

it('says what it has done though another offer cannot be given its units, which gets them later', async () => {
  const shop = await openShop();
  const host = await asHost(shop);
  const buyer = await shop.join();
  const { id } = (await host.make(pool)).body;
  const stock = await openStock(shop.running.redisUrl);
  const broken = stock.keysOf(partitionOfOffer(99, stock.partitions)).offer(99);
  await stock.redis.set(broken, 'no hash');
  await shop.pool.query(
    `insert into offers (offer_id, kind, title, capacity, price_minor, currency) values (99, 'pool', 'x', 1, 1, 'EUR')`,
  );
  expect(await host.change(id, { title: 'New' })).toMatchObject({ status: 200, body: { title: 'New' } });
  expect(await host.change(id, { capacity: 12 })).toMatchObject({ status: 200, body: { capacity: 12 } });
  expect((await shop.order(buyer, { offerId: 99, quantity: 1 })).status).toBeGreaterThanOrEqual(500);
  const other = await host.make({ ...pool, title: 'Other' });
  expect(other.status).toBe(201);
  expect((await shop.order(buyer, { offerId: other.body['id'], quantity: 1 })).status).toBe(201);
  expect((await host.withdraw(id)).status).toBe(204);
  const { rows } = await shop.pool.query(`select count(*)::int as made from offers where title = 'Other'`);
  expect(rows).toEqual([{ made: 1 }]);
  await stock.redis.del(broken);
  await until(async () => (await shop.order(buyer, { offerId: 99, quantity: 1 })).status === 201);
});

it('while the stock is shut, offers are made and renamed; a capacity is refused and stays as it was', async () => {
  const shop = await openShop();
  const host = await asHost(shop);
  const buyer = await shop.join();
  const { id } = (await host.make(pool)).body;
  const stock = await openStock(shop.running.redisUrl);
  const rebuilding = cleanedUp(await shop.pool.connect(), async (client) => {
    await client.query('rollback');
    client.release();
  });
  await rebuilding.query('begin');
  await lockStock(rebuilding);
  await stock.redis.del(...stock.keys.map(({ epoch }) => epoch));
  await until(async () => (await call(shop.running, '/health/ready')).status === 503);
  const made = await host.make({ ...pool, title: 'Made meanwhile' });
  expect(made).toMatchObject({ status: 201, body: { capacity: 10 } });
  expect(await host.change(id, { title: 'New' })).toMatchObject({ status: 200, body: { title: 'New' } });
  for (const capacity of [5, 50])
    expect(said(await host.change(id, { capacity }))).toEqual([503, 'not-ready']);
  const { rows } = await shop.pool.query('select title, capacity from offers where offer_id = $1', [id]);
  expect(rows).toEqual([{ title: 'New', capacity: 10 }]);
  await rebuilding.query('rollback');
  await until(
    async () => (await shop.order(buyer, { offerId: made.body['id'], quantity: 10 })).status === 201,
  );
});

it('survives a connection to Postgres that dies in the middle of a change, and leaves no lock', async () => {
  const shop = await openShop();
  const host = await asHost(shop);
  const { id } = (await host.make(pool)).body;
  const holding = cleanedUp(await shop.pool.connect(), (client) => client.release());
  await holding.query('select pg_advisory_lock(7206002, $1)', [id]);
  const change = host.change(id, { capacity: 20 });
  const waiting = `select pg_terminate_backend(pid) from pg_stat_activity
    where wait_event = 'advisory' and datname = current_database()`;
  await until(async () => (await shop.pool.query(waiting)).rowCount === 1);
  expect(said(await change)).toEqual([503, 'unavailable']);
  await holding.query('select pg_advisory_unlock(7206002, $1)', [id]);
  expect((await host.change(id, { capacity: 20 })).body).toMatchObject({ capacity: 20 });
});

it('lets a host cancel orders of an own offer, paid ones too, and nobody else’s', async () => {
  const shop = await openShop();
  const host = await asHost(shop);
  const buyer = await shop.join();
  await shop.pool.query(`update members set role = 'host' where member_id = 'testuser2'`);
  const other = await asHost(shop, 'testuser2');
  const { id } = (await host.make(pool)).body;
  const { body } = await shop.order(buyer, { offerId: id, quantity: 4 });
  expect((await shop.pay(buyer, body['orderId'])).status).toBe(200);
  expect(said(await shop.cancel(other.token, body['orderId']))).toEqual([404, 'unknown-order']);
  expect(said(await shop.pay(host.token, body['orderId']))).toEqual([404, 'unknown-order']);
  expect(await shop.cancel(host.token, body['orderId'])).toMatchObject({
    status: 200,
    body: { state: 'CANCELLED' },
  });
  await expect.poll(() => shop.stock(Number(id))).toMatchObject({ sold: 0, available: 10 });
  const { rows } = await shop.pool.query('select state from payments where order_id = $1', [body['orderId']]);
  expect(rows).toEqual([{ state: 'refund-due' }]);
  const mine = await shop.order(buyer, { offerId: 11, quantity: 1 });
  expect(said(await shop.cancel(host.token, mine.body['orderId']))).toEqual([404, 'unknown-order']);
});

it('keeps hosts to their own offers, members to none, and refuses nonsense', async () => {
  const shop = await openShop();
  const host = await asHost(shop);
  const member = await asHost(shop, 'testuser1');
  await shop.pool.query(`update members set role = 'host' where member_id = 'testuser2'`);
  const other = await asHost(shop, 'testuser2');
  const { id } = (await host.make(pool)).body;
  expect(said(await member.make(pool))).toEqual([403, 'role-required']);
  expect(said(await other.change(id, { title: 'Mine' }))).toEqual([403, 'role-required']);
  expect(said(await other.withdraw(id))).toEqual([403, 'role-required']);
  expect(said(await host.change(999_999, { title: 'x' }))).toEqual([404, 'unknown-offer']);
  const wrong = [
    {},
    { ...pool, capacity: -1 },
    { ...pool, kind: 'seats' },
    { ...pool, extra: 1 },
    { ...pool, title: 'NUL \0' },
    { ...pool, currency: 'XXX' },
    { ...pool, currency: 'ABC' },
    { ...pool, currency: 'krw' },
    {
      kind: 'seats',
      title: 't',
      currency: 'KRW',
      sections: [{ section: 's', priceMinor: 1, seats: ['A1', 'A1'] }],
    },
    { kind: 'seats', title: 't', currency: 'KRW', sections: [{ section: 's', priceMinor: 1, seats: ['1'] }] },
    {
      kind: 'nights',
      title: 't',
      currency: 'KRW',
      priceMinor: 1,
      nights: { first: '2026-02-30', end: '2026-03-01' },
    },
    {
      kind: 'nights',
      title: 't',
      currency: 'KRW',
      priceMinor: 1,
      nights: { first: '2026-03-01', end: '2026-03-01' },
    },
    {
      kind: 'nights',
      title: 't',
      currency: 'KRW',
      priceMinor: 1,
      nights: { first: '2026-03-01', end: '2026-03-02', timeZone: 'Nowhere/Land' },
    },
  ];
  for (const body of wrong)
    expect(said(await host.make(body)), JSON.stringify(body)).toEqual([400, 'bad-request']);
  expect(said(await host.change(id, {}))).toEqual([400, 'bad-request']);
  const hall = await host.make({
    ...{ kind: 'seats', title: 't', currency: 'KRW' },
    sections: [{ section: 's', priceMinor: 7, seats: ['A1'] }],
  });
  for (const change of [{ priceMinor: 5 }, { capacity: 5 }])
    expect(said(await host.change(hall.body['id'], change)), JSON.stringify(change)).toEqual([
      400,
      'bad-request',
    ]);
});
