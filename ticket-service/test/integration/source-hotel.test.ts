import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { type Answer, call } from '../support/http.ts';
import { openShop, type Shop } from '../support/shop.ts';
import { backlogOf, openStockRedis } from '../support/stock-redis.ts';

type Hotel = {
  readonly shop: Shop;
  readonly post: (path: string, json: unknown) => Promise<Answer>;
  readonly get: (path: string) => Promise<Answer>;
  readonly remove: (path: string) => Promise<Answer>;
};

async function openHotel(env: Record<string, string> = {}): Promise<Hotel> {
  const shop = await openShop({ SOURCE_ROUTES: 'true', ...env }, { sourceSystems: true });
  return {
    shop,
    post: (path, json) => call(shop.running, path, { json }),
    get: (path) => call(shop.running, path),
    remove: (path) => call(shop.running, path, { method: 'DELETE' }),
  };
}

const startWorkers = (shop: Shop) =>
  spawnService('workers/src/main.ts', 'WORKERS_PORT', {
    TICKET_REDIS_URL: shop.running.redisUrl,
    DATABASE_URL: shop.running.databaseUrl,
    PAYMENT_URL: shop.running.config.paymentUrl,
  });

const stay = (roomId: unknown, startDate: unknown, endDate: unknown, more: Record<string, unknown> = {}) => ({
  ...{ roomId, price: 100, startDate, endDate },
  ...more,
});

it('books nights and pays for them in one call, however dates and numbers are written', async () => {
  const { shop, post, get } = await openHotel();
  const made = await post('/books', stay(1, 20210505, 20210507, { hostId: 4, guestId: 'g-9', bookId: 1 }));
  expect(made).toMatchObject({
    status: 201,
    body: {
      ...{ roomId: 1, startDate: '2021-05-05', endDate: '2021-05-07', state: 'COMPLETED' },
      ...{ price: '100', hostId: '4', guestId: 'g-9' },
    },
  });
  expect((await get(`/books/${made.body['id']}`)).body).toEqual(made.body);
  expect((await get(`/payments/${made.body['id']}`)).body).toMatchObject({
    ...{ bookId: made.body['id'], orderId: made.body['orderId'] },
    ...{ state: 'paid', amount: { minor: 240_000, currency: 'KRW' } },
  });
  // Back to back, and the same bookId: it is no key.
  const next = await post('/books', stay('1', '20210507', '2021-05-08T00:00:00.000Z', { bookId: 1 }));
  expect(next).toMatchObject({ status: 201, body: { startDate: '2021-05-07', endDate: '2021-05-08' } });
  expect(next.body['id']).not.toBe(made.body['id']);
  const overlap = await post('/books', stay(1, '2021-05-06', '2021-05-09'));
  expect(overlap).toMatchObject({ status: 409, body: { code: 'taken' } });
  expect(await shop.charges()).toMatchObject({ paid: 2 });
});

it('books a night once, whoever wants it at the same moment', async () => {
  const { shop, post } = await openHotel();
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, n) => post('/books', stay(2, 20300101 + (n % 3), 20300104))),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(29);
  expect(await shop.charges()).toMatchObject({ paid: 1 });
});

it('leaves nothing behind when the payment is declined or the provider is away', async () => {
  const { shop, post, get } = await openHotel();
  // They tell Postgres of the nights that come free.
  await startWorkers(shop);
  const redis = await openStockRedis(shop.running.redisUrl);
  const told = () => until(async () => (await backlogOf(redis)) === 0);
  await shop.behave({ declineShare: 1 });
  expect(await post('/books', stay(3, 20300101, 20300103))).toMatchObject({
    status: 402,
    body: { code: 'payment-declined' },
  });
  await told();
  await shop.behave({ declineShare: 0, errorShare: 1 });
  expect(await post('/books', stay(3, 20300101, 20300103))).toMatchObject({
    status: 503,
    body: { code: 'payment-unavailable' },
  });
  await told();
  const { rows } = await shop.pool.query('select count(*)::int as books from source_books');
  expect(rows).toEqual([{ books: 0 }]);
  await shop.behave({ errorShare: 0 });
  const booked = await post('/books', stay(3, 20300101, 20300103));
  expect(booked.status).toBe(201);
  expect((await get(`/books/${Number(booked.body['id']) - 1}`)).status).toBe(404);
  expect(await shop.charges()).toMatchObject({ paid: 1, refunded: 0 });
});

it('says 202 while the payment is unknown, and the book stands once it is settled', async () => {
  const { shop, post, get } = await openHotel({ PAYMENT_TIMEOUT_MS: '1000' });
  await shop.behave({ hangShare: 1 });
  const made = await post('/books', stay(4, 20300101, 20300102));
  expect(made).toMatchObject({ status: 202, body: { state: 'PAYING' } });
  await shop.behave({ hangShare: 0 });
  await shop.pool.query(`update payments set updated_at = updated_at - interval '1 minute'`);
  const path = `/books/${made.body['id']}`;
  await until(async () => (await get(path)).body['state'] === 'COMPLETED');
});

it('frees the nights of a deleted book at once, and gives the money back under the same order', async () => {
  const { shop, post, get, remove } = await openHotel();
  await startWorkers(shop);
  const made = await post('/books', stay(5, 20300101, 20300105));
  const path = `/books/${made.body['id']}`;
  expect((await remove(path)).status).toBe(204);
  expect((await get(path)).status).toBe(404);
  expect((await remove(path)).status).toBe(404);
  // It cannot be paid for before Postgres has heard of the release: "later", and never "taken".
  const next = await until(async () => {
    const { status } = await post('/books', stay(5, 20300102, 20300104));
    return status !== 503 && status;
  });
  expect(next).toBe(201);
  await until(async () => (await get(`/payments/${made.body['id']}`)).body['state'] === 'refunded');
  expect((await get(`/payments/${made.body['id']}`)).body['orderId']).toBe(made.body['orderId']);
  expect(await shop.charges()).toMatchObject({ paid: 1, refunded: 1 });
});

it('makes rooms that can be booked at once, lists them, and withdraws them', async () => {
  const { post, get, remove } = await openHotel();
  const seeded = (await get('/rooms')).body as unknown as Record<string, unknown>[];
  expect(seeded.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const rooms = await Promise.all(
    [...Array(5).keys()].map((n) => post('/rooms', { price: String(n * 1_000) })),
  );
  expect(rooms.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
  const ids = rooms.map(({ body }) => Number(body['id']));
  expect(ids.toSorted((a, b) => a - b)).toEqual([11, 12, 13, 14, 15]);
  expect(rooms[2]?.body).toEqual({ id: ids[2], price: 2_000 });
  expect((await post('/books', stay(ids[2], 20300101, 20300102))).status).toBe(201);
  expect((await remove(`/rooms/${ids[2]}`)).status).toBe(204);
  expect((await remove(`/rooms/${ids[2]}`)).status).toBe(404);
  expect((await post('/books', stay(ids[2], 20300102, 20300103))).status).toBe(404);
  expect((await get('/rooms')).body).toHaveLength(14);
});

it('makes a room and its number in one step: when it fails between the two, neither is there', async () => {
  const { shop, post, get } = await openHotel();
  const offers = async () =>
    (await shop.pool.query('select count(*)::int as count from offers')).rows[0].count;
  const before = await offers();
  const holding = cleanedUp(await shop.pool.connect(), async (client) => {
    await client.query('rollback');
    client.release();
  });
  await holding.query('begin; lock table source_offers in exclusive mode');
  const made = post('/rooms', { price: 5 });
  const kill = `select pg_terminate_backend(pid) from pg_stat_activity
    where wait_event_type = 'Lock' and query like 'insert into source_offers%' and datname = current_database()`;
  await until(async () => (await shop.pool.query(kill)).rowCount === 1);
  expect(await made).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  await holding.query('rollback');
  expect(await offers()).toBe(before);
  expect((await get('/rooms')).body).toHaveLength(10);
  expect((await post('/rooms', { price: 5 })).status).toBe(201);
  expect(await offers()).toBe(before + 1);
});

it('leaves nothing behind when the hold runs out between its two steps, and says to come back', async () => {
  const { shop, post } = await openHotel({ HOLD_SECONDS: '1' });
  const holding = cleanedUp(await shop.pool.connect(), async (client) => {
    await client.query('rollback');
    client.release();
  });
  await holding.query('begin; lock table source_books in exclusive mode');
  const booked = post('/books', stay(7, 20300101, 20300103));
  const waiting = `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()
    and query like 'insert into source_books%' and query_start < now() - interval '1500 ms'`;
  await until(async () => (await shop.pool.query(waiting)).rowCount === 1);
  await holding.query('rollback');
  const answer = await booked;
  expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  expect(answer.headers.get('retry-after')).toBe('1');
  const { rows } = await shop.pool.query('select count(*)::int as books from source_books');
  expect(rows).toEqual([{ books: 0 }]);
  expect(await shop.charges()).toMatchObject({ paid: 0 });
});

it('refuses what is no room, no stay and no book', async () => {
  const { shop, post, get, remove } = await openHotel();
  for (const wrong of [
    stay(1, 20300102, 20300102),
    stay(1, 20300103, 20300102),
    stay(1, 20300230, 20300302),
    stay(1, 'soon', 'later...'),
    stay(1, 20300101, 20310101),
    stay(1, 18990101, 18990102),
    stay(undefined, 20300101, 20300102),
    stay('one', 20300101, 20300102),
    stay(1, undefined, 20300102),
    stay(1, 20300101, 20300102, { guestId: {} }),
    stay(1, 20300101, 20300102, { hostId: 'a\0b' }),
  ]) {
    expect(await post('/books', wrong), JSON.stringify(wrong)).toMatchObject({
      status: 400,
      body: { code: 'bad-request' },
    });
  }
  expect((await post('/books', stay(77, 20300101, 20300102))).status).toBe(404);
  for (const price of [-1, 1.5, 'free', null]) expect((await post('/rooms', { price })).status).toBe(400);
  for (const path of ['/books/1', '/payments/1']) expect((await get(path)).status).toBe(404);
  for (const path of ['/books/x', '/payments/0']) expect((await get(path)).status).toBe(400);
  expect((await remove('/books/1')).status).toBe(404);
  expect((await remove('/rooms/99')).status).toBe(404);
  expect(await shop.charges()).toMatchObject({ paid: 0 });
});
