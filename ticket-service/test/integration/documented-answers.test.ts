import { createHash, randomUUID } from 'node:crypto';
import { callbackSignatureHeader, signCallback } from '@ropeline/core/payments/callback-signature.ts';
import { expireDue } from '@ropeline/core/stock/holds.ts';
import { newOrderId, partitionOfOrder } from '@ropeline/core/stock/order-id.ts';
import { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { partitionOfOffer } from '@ropeline/core/stock/stock-keys.ts';
import { expect, it } from 'vitest';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { startTap } from '../../../testing/tap.ts';
import { until } from '../../../testing/until.ts';
import { lockStock } from '../../src/inventory/stock-lock.ts';
import { AnswerBook, describedAnswers } from '../support/documented-answers.ts';
import { entryToken, newSigner } from '../support/entry-tokens.ts';
import { type Answer, bearer, call } from '../support/http.ts';
import { startOtherSide } from '../support/other-side.ts';
import { callbackSecret, openShop } from '../support/shop.ts';
import { openStockRedis } from '../support/stock-redis.ts';

/** Shown by other tests, or only by a crowd. */
const elsewhere = [
  ...['POST /api/members', 'POST /api/sessions', 'POST /member/login'].flatMap((route) => [
    `${route} 503 busy`,
    `${route} 429 too-many-requests`,
  ]),
  'GET /api/offers/{id}/stock/stream 503 unavailable',
];
const tags = ['members', 'sessions', 'offers', 'orders', 'coupons', 'payments', 'source'];

it('every documented answer really occurs, and none that is not documented', async () => {
  const redisServer = await startRedis();
  const signer = await newSigner();
  const gateway = cleanedUp(await startOtherSide(signer.jwks), (side) => side.stop());
  let cut = async (): Promise<void> => undefined;
  const shop = await openShop(
    {
      ...{ SOURCE_ROUTES: 'true', ENTRY_REQUIRED: 'true', SETTLE_PAYMENTS: 'false' },
      ...{ PAYMENT_TIMEOUT_MS: '1000', ENTRY_JWKS_URL: `${gateway.url}/_ropeline/jwks.json` },
    },
    {
      ...{ callbacks: true, sourceSystems: true, redisUrl: redisServer.url },
      postgresBy: async (url) => {
        const wire = await startTap(url);
        let isCut: Promise<void> | undefined;
        cut = () => (isCut ??= wire.stop());
        cleanedUp(cut, (it) => it());
        return wire.url;
      },
    },
  );
  cleanedUp(redisServer, (server) => server.stop());
  const redis = await openStockRedis(redisServer.url);
  await until(async () => (await call(shop.running, '/health/ready')).status === 200);
  const stock = await StockClient.open(redis);
  if (stock === undefined) throw new Error('the stock is not open');

  const book = new AnswerBook(shop.running);
  const ask = book.ask.bind(book);
  const [one, two, host] = [
    await shop.join('testuser1'),
    await shop.join('testuser2'),
    bearer(await shop.join('host1')),
  ];
  const entry = async (room = 'demo') => ({ 'x-ropeline-entry': await entryToken(signer, { aud: room }) });
  const [first, second] = [
    { ...bearer(one), ...(await entry()) },
    { ...bearer(two), ...(await entry()) },
  ];
  const [elses, technical] = [await entry('elsewhere'), await entry()];
  const keyed = (key: string = randomUUID()) => ({ 'idempotency-key': key });

  // Members.
  const newcomer = { id: 'mina.kim', password: 'correct horse' };
  const signUp = (json: unknown) => ask('POST /api/members', { json });
  const openSession = (json: unknown) => ask('POST /api/sessions', { json });
  const renew = (refreshToken: unknown) => ask('POST /api/sessions/refresh', { json: { refreshToken } });
  const logOut = (token: unknown) =>
    ask('DELETE /api/sessions', { headers: token === undefined ? {} : bearer(String(token)) });
  for (const wish of [newcomer, newcomer, {}]) await signUp(wish);
  const { accessToken, refreshToken } = (await openSession(newcomer)).body;
  await openSession({});
  for (const token of [refreshToken, refreshToken, '']) await renew(token);
  for (const token of [undefined, accessToken]) await logOut(token);
  await until(async () => (await openSession({ ...newcomer, password: 'wrong' })).status === 429);

  // Offers.
  const pool = { kind: 'pool', title: 't', currency: 'KRW', priceMinor: 5, rooms: ['demo'] };
  const make = async (json: unknown) =>
    Number((await ask('POST /api/offers', { json, headers: host })).body['id']);
  const seats = [{ section: 's', priceMinor: 1, seats: ['A1', 'A2'] }];
  const [two2, ten, gone, hall] = [
    await make({ ...pool, capacity: 2 }),
    await make({ ...pool, capacity: 10, perMember: 5 }),
    await make({ ...pool, capacity: 1 }),
    await make({ kind: 'seats', title: 't', currency: 'KRW', rooms: ['demo'], sections: seats }),
  ];
  const nights = { first: '2030-01-01', end: '2030-02-01' };
  const room = await make({ ...{ kind: 'nights', title: 't', currency: 'KRW', priceMinor: 1 }, nights });
  await ask('POST /api/offers', { json: {}, headers: host });
  await ask('POST /api/offers', { json: { ...pool, capacity: 1 } });
  await ask('POST /api/offers', { json: { ...pool, capacity: 1 }, headers: bearer(one) });
  await ask('GET /api/offers');
  const stays = '?from=2030-01-01&to=2030-01-03';
  const reads = [
    ['GET /api/offers/{id}', ten, ''],
    ['GET /api/offers/{id}/stock', ten, ''],
    ['GET /api/offers/{id}/seats', hall, ''],
    ['GET /api/offers/{id}/nights', room, stays],
  ] as const;
  await until(async () => (await call(shop.running, `/api/offers/${ten}/stock`)).status === 200);
  for (const [route, id, query] of reads)
    for (const at of [id, 'x', 999_999]) await ask(route, { at, query });
  const stream = 'GET /api/offers/{id}/stock/stream';
  const streamed = await fetch(`${shop.running.url}/api/offers/${ten}/stock/stream`);
  book.note(stream, streamed.status);
  await streamed.body?.cancel();
  for (const at of ['x', 999_999]) await ask(stream, { at });

  // Orders.
  const order = (json: unknown, headers: Record<string, string>) =>
    ask('POST /api/orders', { json, headers });
  const placed = async (json: unknown, headers: Record<string, string>) =>
    String((await order(json, { ...headers, ...keyed() })).body['orderId']);
  const wish = { offerId: ten, quantity: 1 };
  const k1 = keyed('k1');
  const paid = String((await order(wish, { ...first, ...k1 })).body['orderId']);
  await order(wish, { ...first, ...k1 });
  await order({ ...wish, quantity: 2 }, { ...first, ...k1 });
  await order(wish, first);
  await order({ ...wish, quantity: 0 }, { ...first, ...keyed() });
  await order(wish, { ...(await entry()), ...keyed() });
  await order(wish, { ...bearer(one), ...keyed() });
  await order(wish, { ...second, 'x-ropeline-entry': first['x-ropeline-entry'], ...keyed() });
  await order(wish, { ...bearer(one), ...elses, ...keyed() });
  await order({ ...wish, offerId: 999_999 }, { ...first, ...keyed() });
  await order({ ...wish, quantity: 5 }, { ...first, ...keyed() });
  const held = await placed({ offerId: two2, quantity: 2 }, first);
  await order({ offerId: two2, quantity: 1 }, { ...second, ...keyed() });
  const soldOut = await placed({ offerId: gone, quantity: 1 }, first);
  await shop.payInTheEnd(one, soldOut);
  await order({ offerId: gone, quantity: 1 }, { ...second, ...keyed() });
  await order({ offerId: hall, seats: ['A1'] }, { ...first, ...keyed() });
  await order({ offerId: hall, seats: ['A1'] }, { ...second, ...keyed() });
  const home = partitionOfOffer(ten, stock.partitions);
  const ghost = newOrderId(home);
  const hash = createHash('sha256').update(`pool ${ten} 1`).digest('base64url').slice(0, 22);
  await redis.set(stock.keysOf(home).idempotency(ten, 'testuser2', 'ghost'), `${ghost} ${hash}`);
  await order(wish, { ...second, ...keyed('ghost') });
  const lost = newOrderId(0, 1);
  await ask('GET /api/orders', { headers: first });
  await ask('GET /api/orders');
  for (const at of [paid, 'x', randomUUID(), lost]) await ask('GET /api/orders/{id}', { at, headers: first });
  await ask('GET /api/orders/{id}', { at: paid });

  // Paying and cancelling.
  const [pay, cancel] = ['POST /api/orders/{id}/pay', 'POST /api/orders/{id}/cancel'];
  for (const route of [pay, cancel]) {
    for (const at of ['x', randomUUID(), lost]) await ask(route, { at, headers: first });
    await ask(route, { at: paid });
  }
  /** The provider has little time here: what it did not answer is asked again. */
  const answered = async (asking: () => Promise<Answer>, status: number): Promise<Answer> =>
    until(async () => {
      const answer = await asking();
      return answer.status === status && answer;
    });
  await answered(() => ask(pay, { at: paid, headers: first }), 200);
  await shop.behave({ declineShare: 1 });
  const declined = await placed(wish, first);
  await answered(() => ask(pay, { at: declined, headers: first }), 402);
  await shop.behave({ declineShare: 0, errorShare: 1 });
  const failing = await placed(wish, first);
  await answered(() => ask(pay, { at: failing, headers: first }), 503);
  await shop.behave({ errorShare: 0, hangShare: 1, callbackLossShare: 1 });
  const unknown = await placed(wish, second);
  await ask(pay, { at: unknown, headers: second });
  await ask(cancel, { at: unknown, headers: second });
  await shop.behave({ hangShare: 0 });
  const late = await placed(wish, second);
  const at = partitionOfOrder(late) ?? 0;
  await redis.hset(stock.keysOf(at).order(late), 'holdUntil', 1);
  await redis.zadd(stock.keysOf(at).holds, 1, late);
  await ask(pay, { at: late, headers: second });
  await expireDue(stock, at, 10);
  await ask(cancel, { at: late, headers: second });
  await ask(cancel, { at: paid, headers: first });
  await ask(pay, { at: paid, headers: first });

  // Changes.
  const change = (id: unknown, json: unknown, headers: Record<string, string> = host) =>
    ask('PATCH /api/offers/{id}', { at: id, json, headers });
  await change(ten, { title: 'new' });
  await change(ten, {});
  await change(ten, { title: 'new' }, {});
  await change(ten, { title: 'new' }, bearer(one));
  await change(999_999, { title: 'new' });
  await change(two2, { capacity: 1 });
  const withdraw = (id: unknown, headers: Record<string, string> = host) =>
    ask('DELETE /api/offers/{id}', { at: id, headers });
  await withdraw('x');
  await withdraw(room, {});
  await withdraw(room, bearer(one));
  await withdraw(room);
  await withdraw(room);

  // Coupons.
  const coupon = (json: unknown, headers: Record<string, string> = host) =>
    ask('POST /api/coupons', { json, headers });
  const terms = { title: 'c', capacity: 5, rooms: ['demo'] };
  const open = Number((await coupon(terms)).body['id']);
  const shut = Number((await coupon({ ...terms, opensAt: Date.now() + 3_600_000 })).body['id']);
  const moving = Number((await coupon(terms)).body['id']);
  await coupon({});
  await coupon(terms, {});
  await coupon(terms, bearer(one));
  const issue = (id: unknown, headers: Record<string, string> = first) =>
    ask('POST /api/coupons/{id}/issue', { at: id, headers });
  for (const id of [open, 'x', 999_999, shut]) await issue(id);
  await issue(open, technical);
  await issue(open, bearer(one));
  await issue(open, { ...second, 'x-ropeline-entry': first['x-ropeline-entry'] });
  await issue(open, { ...bearer(one), ...elses });
  await redis.hset(stock.keysOf(partitionOfOffer(moving, stock.partitions)).offer(moving), 'held', 5);
  await issue(moving);
  await ask('GET /api/coupons', { headers: first });
  await ask('GET /api/coupons');
  await until(async () => (await call(shop.running, `/api/coupons/${open}`)).status === 200);
  for (const id of [open, 'x', 999_999]) await ask('GET /api/coupons/{id}', { at: id });

  // Callbacks.
  const hear = (reference: string, text?: string) => {
    const body =
      text ?? JSON.stringify({ id: reference, type: 'charge.paid', charge: { reference, state: 'paid' } });
    const signature = signCallback(callbackSecret, body, Math.floor(Date.now() / 1_000));
    return ask('POST /api/webhooks/payments', {
      text: body,
      headers: { [callbackSignatureHeader]: signature },
    });
  };
  await hear('of-nobody:1');
  await ask('POST /api/webhooks/payments', { text: '{}' });
  await hear('', 'x'.repeat(300_000));

  // The replaced systems.
  await shop.pool.query(
    `insert into source_offers (kind, source_id, offer_id)
     values ('ticket', 2, $1), ('ticket', 3, $2), ('coupon', 105, $3)`,
    [gone, two2, shut],
  );
  const couponed = (json: unknown, headers: Record<string, string> = technical) =>
    ask('POST /coupon/issue', { json, headers });
  await until(async () => (await couponed({ userId: 1, couponId: 105 })).body['code'] === 'coupon-closed');
  for (const couponId of [104, 'x', 999]) await couponed({ userId: 1, couponId });
  for (const headers of [{}, elses, { 'x-ropeline-entry': first['x-ropeline-entry'] }])
    await couponed({ userId: 1, couponId: 104 }, headers);
  await change(104, { perEntry: 1 });
  await couponed({ userId: 2, couponId: 104 });
  await change(104, { perEntry: null });
  for (const which of ['all', 'top5']) await ask(`GET /api/test/performance/musicals/${which}`);
  for (const which of ['db', 'cached'])
    for (const id of [1, 'x', 999])
      await ask(`GET /api/test/performance/seats/{musicalId}/${which}`, { at: id });
  const seat = (id: number, json: unknown, headers: Record<string, string>) =>
    ask('POST /api/reservations/{musicalId}', { at: id, json, headers });
  const A1 = { seatName: 'A1' };
  await seat(1, A1, first);
  await seat(1, A1, first);
  await seat(1, {}, first);
  await seat(1, A1, technical);
  await seat(1, A1, bearer(one));
  await seat(1, A1, { ...second, 'x-ropeline-entry': first['x-ropeline-entry'] });
  await seat(1, A1, { ...second, ...elses });
  await seat(999, A1, first);
  const offerOf = async (kind: string) => {
    const sql = `select offer_id as id from source_offers where kind = '${kind}' and source_id = 1`;
    return Number((await shop.pool.query(sql)).rows[0]?.id);
  };
  await change(await offerOf('musical'), { perMember: 1 });
  await seat(1, { seatName: 'A2' }, first);
  const ownRoom = (await ask('POST /rooms', { json: { price: 5 } })).body['id'];
  await ask('POST /rooms', { json: {} });
  await ask('GET /rooms');
  for (const id of [ownRoom, 'x', ownRoom]) await ask('DELETE /rooms/{id}', { at: id });
  const stay = (startDate: unknown, headers: Record<string, string> = technical, roomId = 1) =>
    ask('POST /books', { json: { roomId, startDate, endDate: 20300103 }, headers });
  // A room of its own each time, should the provider be too slow.
  let free = 10;
  const booked = (await answered(() => stay(20300101, technical, free--), 201)).body['id'];
  await stay(20300101, technical, 10);
  await stay(20300105);
  for (const headers of [{}, elses, { 'x-ropeline-entry': first['x-ropeline-entry'] }])
    await stay(20300101, headers);
  await stay(20300101, technical, 999);
  await change(await offerOf('room'), { perEntry: 1 });
  await stay(20300101);
  await shop.behave({ declineShare: 1 });
  // Rooms of their own: no workers tell Postgres that the nights are free again.
  await answered(() => stay(20300101, technical, free--), 402);
  await shop.behave({ declineShare: 0, errorShare: 1 });
  await answered(() => stay(20300101, technical, free--), 503);
  await shop.behave({ errorShare: 0, hangShare: 1, callbackLossShare: 1 });
  const paying = (await stay(20300101, technical, free--)).body['id'];
  await shop.behave({ hangShare: 0 });
  for (const id of [booked, 'x', 999]) await ask('GET /books/{id}', { at: id });
  for (const id of [booked, 'x', 999]) await ask('GET /payments/{bookId}', { at: id });
  for (const id of [paying, booked, 'x', 999]) await ask('DELETE /books/{id}', { at: id });
  for (const path of ['/health', '/actuator/health']) await ask(`GET ${path}`);
  const logIn = (json: unknown) => ask('POST /member/login', { json });
  await logIn({ id: 'testuser3', password: 'qwer1234' });
  await logIn({});
  await until(async () => (await logIn({ id: 'testuser4', password: 'wrong' })).status === 429);
  const buy = (ticket: number, headers: Record<string, string>) =>
    ask('POST /ticket/reserve/{ticketId}', { at: ticket, headers });
  const [buyer, other] = [
    { 'x-access-token': one, 'x-ropeline-entry': first['x-ropeline-entry'] },
    { 'x-access-token': two, 'x-ropeline-entry': second['x-ropeline-entry'] },
  ];
  for (let times = 0; times < 5; times += 1) await buy(1, buyer);
  await buy(2, other);
  await buy(3, other);
  await buy(99, other);
  await ask('POST /ticket/reserve/{ticketId}', { at: 'x', headers: other });
  await buy(1, {});
  await buy(1, { 'x-access-token': one });
  await buy(1, { ...other, 'x-ropeline-entry': first['x-ropeline-entry'] });
  await buy(1, { ...other, ...elses });
  for (const what of ['get', 'reserve', 'confirm', 'cancel'])
    for (const json of [{}, { product_id: 1, quantity: 1 }, { product_id: 99, quantity: 1 }])
      await ask(`POST /api/stock/${what}`, { json });
  for (const what of ['reserve', 'confirm'])
    await ask(`POST /api/stock/${what}`, { json: { product_id: 1, quantity: 1_000 } });

  // What all of them answer while the stock waits to be built anew.
  const everything = async (withdrawn: number): Promise<void> => {
    await Promise.all([
      ask('POST /api/offers', { json: { ...pool, capacity: 1 }, headers: host }),
      change(ten, { capacity: 20 }),
      withdraw(withdrawn),
      coupon(terms),
      order(wish, { ...first, ...keyed() }),
      ask(pay, { at: held, headers: first }),
      ask(cancel, { at: held, headers: first }),
      issue(open, second),
      hear(`${unknown}:1`),
      couponed({ userId: randomUUID(), couponId: 104 }),
      ask('GET /api/offers/{id}/seats', { at: hall }),
      ask('GET /api/test/performance/seats/{musicalId}/cached', { at: 3 }),
      seat(4, A1, first),
      stay(20300102, technical, 3),
      ask('DELETE /books/{id}', { at: paying }),
      buy(1, other),
      ask('POST /rooms', { json: { price: 5 } }),
      ask('DELETE /rooms/{id}', { at: 9 }),
      ask('GET /actuator/health'),
      ...['get', 'reserve', 'confirm', 'cancel'].map((what) =>
        ask(`POST /api/stock/${what}`, { json: { product_id: 1, quantity: 1 } }),
      ),
    ]);
  };
  const nightsOf = await make({ ...{ kind: 'nights', title: 't', currency: 'KRW', priceMinor: 1 }, nights });
  await fetch(`${shop.running.config.paymentUrl}/charges`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ reference: `${unknown}:1`, amountMinor: 5, currency: 'KRW' }),
  });
  const client = cleanedUp(await shop.pool.connect(), async (it) => {
    await it.query('rollback');
    it.release();
  });
  await client.query('begin');
  await lockStock(client);
  await redis.del(...stock.keys.map(({ epoch }) => epoch));
  await until(async () => (await call(shop.running, '/health/ready')).status === 503);
  await everything(gone);
  await ask('GET /api/offers/{id}/nights', { at: nightsOf, query: stays });
  const newest = async (sql: string) => Number((await shop.pool.query(sql)).rows[0]?.id);
  const unread = await newest(
    'select max(offer_id) as id from offers where not exists (select from coupons where coupons.offer_id = offers.offer_id)',
  );
  await until(async () => (await call(shop.running, `/api/offers/${unread}`)).status === 200);
  for (const route of ['GET /api/offers/{id}/stock', stream]) await ask(route, { at: unread });
  await ask('GET /api/coupons/{id}', { at: await newest('select max(offer_id) as id from coupons') });
  await client.query('rollback');
  await until(async () => (await call(shop.running, '/health/ready')).status === 200);

  // And without Redis and Postgres.
  await redisServer.stop();
  await cut();
  // Lists are answered from memory for a second.
  await until(async () => (await call(shop.running, '/rooms')).status === 503);
  await Promise.all([
    everything(two2),
    ask('GET /api/orders', { headers: first }),
    ask('GET /api/orders/{id}', { at: paid, headers: first }),
    ask('GET /api/coupons', { headers: first }),
    ask('GET /api/coupons/{id}', { at: open }),
    ask('GET /api/offers/{id}/nights', { at: nightsOf, query: stays }),
    ask('GET /api/test/performance/seats/{musicalId}/db', { at: 1 }),
    ...['all', 'top5'].map((which) => ask(`GET /api/test/performance/musicals/${which}`)),
    ask('GET /rooms'),
    ask('GET /books/{id}', { at: booked }),
    ask('GET /payments/{bookId}', { at: booked }),
    logIn({ id: 'testuser3', password: 'qwer1234' }),
    signUp({ ...newcomer, id: 'mina.lee' }),
    openSession({ id: 'testuser3', password: 'qwer1234' }),
    renew(refreshToken),
    logOut(accessToken),
  ]);

  const described = await describedAnswers(shop.running, tags);
  const neverSeen = described.filter((answer) => !book.seen.has(answer) && !elsewhere.includes(answer));
  const undescribed = [...book.seen].filter((answer) => !described.includes(answer));
  expect({ neverSeen, undescribed: undescribed.toSorted() }).toEqual({ neverSeen: [], undescribed: [] });
}, 300_000);
