import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EntrySigner } from '@ropeline/core/token/entry-token.ts';
import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { entryToken, newSigner } from '../support/entry-tokens.ts';
import { startOtherSide } from '../support/other-side.ts';
import { exchange, type RawOrder, rawOrder, statusesOf } from '../support/raw-order.ts';
import { openShop, type Shop } from '../support/shop.ts';

/** Fastify reads no query, so this is the same call; the front knows only the bare path. */
const usualPath = '/api/orders?';
const one = { offerId: 11, quantity: 1 };

type Headers = Readonly<Record<string, string>>;

type Sale = {
  readonly shop: Shop;
  readonly signer: EntrySigner;
  /** Headers of a member with an entry of their own. */
  readonly headersOf: (member: string) => Promise<Headers>;
  readonly send: (...orders: readonly RawOrder[]) => Promise<string>;
  /** The answer of the front, once the stock is known as sold out. */
  readonly first: (order: RawOrder) => Promise<string>;
  /** How many orders the front and Fastify were sent. */
  readonly sent: () => number;
};

/** A shop that checks entries. */
async function openSale(): Promise<Sale> {
  const signer = await newSigner();
  const gateway = cleanedUp(await startOtherSide(signer.jwks), (it) => it.stop());
  const shop = await openShop({
    ENTRY_REQUIRED: 'true',
    ENTRY_JWKS_URL: `${gateway.url}/_ropeline/jwks.json`,
  });
  const { server } = shop.running.service.http;
  let [handled, sent] = [0, 0];
  const count = (): void => {
    handled += 1;
  };
  cleanedUp('tracing:fastify.request.handler:start', (it) => unsubscribe(it, count));
  subscribe('tracing:fastify.request.handler:start', count);
  const send = (...orders: readonly RawOrder[]): Promise<string> => {
    sent += orders.length;
    return exchange(server, [orders.map(rawOrder).join('')]);
  };
  return {
    shop,
    signer,
    send,
    sent: () => sent,
    headersOf: async (member) => ({
      authorization: `Bearer ${await shop.join(member)}`,
      'x-ropeline-entry': await entryToken(signer),
      'idempotency-key': `key-of-${member}`,
    }),
    first: (order) =>
      until(async () => {
        const before = handled;
        const answer = await send(order);
        return handled === before && statusesOf(answer).at(0) === 409 ? answer : undefined;
      }),
  };
}

/** Buys and pays; the order's id. */
async function buy({ shop, send }: Sale, headers: Headers, wish: object): Promise<string> {
  const answer = await send({ headers, body: JSON.stringify(wish) });
  const orderId = /"orderId":"([^"]+)"/.exec(answer)?.[1] ?? answer;
  const token = String(headers['authorization']).slice('Bearer '.length);
  expect(await shop.pay(token, orderId)).toMatchObject({ status: 200, body: { state: 'COMPLETED' } });
  return orderId;
}

it('refuses orders of what is sold out in front of Fastify, with the same bytes as behind it', async () => {
  const sale = await openSale();
  await sale.shop.pool.query(
    `insert into offers (offer_id, kind, title, capacity, price_minor, currency, rooms, first_night, end_of_nights)
     values (21, 'seats', 'a hall', 2, 0, 'KRW', '{demo}', null, null),
       (22, 'nights', 'a room', 1, 9, 'KRW', '{demo}', '2026-12-01', '2026-12-02')`,
  );
  await sale.shop.pool.query(
    `insert into seats (offer_id, seat, section, price_minor, at) values (21, 'A1', 'x', 1, 1), (21, 'A2', 'x', 1, 2)`,
  );
  await until(async () => 'available' in (await sale.shop.stock(22)));
  const buyer = await sale.headersOf('testuser1');
  await buy(sale, buyer, { ...one, quantity: 3 });
  await buy(sale, buyer, { offerId: 21, seats: ['A1', 'A2'] });
  await buy(sale, { ...buyer, 'x-ropeline-entry': await entryToken(sale.signer) }, stay);

  const headers = await sale.headersOf('testuser2');
  const { 'x-ropeline-entry': entry, authorization = '', ...rest } = headers;
  const body = JSON.stringify(one);
  const asked: readonly RawOrder[] = [
    { headers, body },
    { headers, body: JSON.stringify({ offerId: 21, seats: ['A2'] }) },
    { headers, body: JSON.stringify(stay) },
    { headers, body: ` {"quantity": 1,\n "offerId": 11.0 }`, version: '1.0' },
    { headers: { ...rest, authorization, cookie: `a=b; ropeline_entry_demo=${entry}` }, body },
    { headers: { ...headers, authorization: authorization.replace('Bearer', 'bearer') }, body },
    { headers: { ...headers, 'accept-version': '9.x', accept: 'text/html', 'x-twice': ['a', 'b'] }, body },
    { headers: { ...headers, authorization: [authorization, 'Bearer second'] }, body },
    {
      headers: { ...headers, connection: 'close, x-hop', 'content-type': ['application/json', 'text/x'] },
      body,
    },
  ];
  for (const order of asked) {
    const answer = await sale.first(order);
    expect(answer).toBe(await sale.send({ ...order, path: usualPath }));
    expect(answer).toContain('"code":"sold-out","available":0}');
  }
  const kept = { headers: { ...headers, connection: 'keep-alive' }, body };
  await sale.first({ headers, body });
  const behind = { path: usualPath };
  const pair = await sale.send(kept, { headers, body });
  expect(pair).toBe(await sale.send({ ...kept, ...behind }, { headers, body, ...behind }));
  expect(statusesOf(pair)).toEqual([409, 409]);
});
const stay = { offerId: 22, from: '2026-12-01', to: '2026-12-02' };

it('leaves every other answer to Fastify, though all is sold', async () => {
  const sale = await openSale();
  const [buyer, headers] = [await sale.headersOf('testuser1'), await sale.headersOf('testuser2')];
  await buy(sale, buyer, { ...one, quantity: 3 });
  const body = JSON.stringify(one);
  await sale.first({ headers, body });
  const [stranger, elsewhere] = [
    await entryToken(await newSigner()),
    await entryToken(sale.signer, { aud: 'other' }),
  ];
  const json = (wish: unknown): RawOrder => ({ headers, body: JSON.stringify(wish) });
  const but = (changed: RawOrder['headers'], text = body): RawOrder => ({
    headers: { ...headers, ...changed },
    body: text,
  });
  const cases: readonly (readonly [what: string, order: RawOrder, status: number, code?: string])[] = [
    ['no token', but({ authorization: null }), 401, 'login-required'],
    ['a forged token', but({ authorization: `${headers['authorization']}x` }), 401, 'login-required'],
    ['another scheme', but({ authorization: 'Basic bWluYTo=' }), 401, 'login-required'],
    ['no entry', but({ 'x-ropeline-entry': null }), 401, 'entry-required'],
    ['an entry twice', but({ 'x-ropeline-entry': Array(2).fill(headers['x-ropeline-entry']) }), 401],
    ['a forged entry', but({ 'x-ropeline-entry': stranger }), 401, 'entry-required'],
    ['an entry of another room', but({ 'x-ropeline-entry': elsewhere }), 403, 'entry-wrong-room'],
    [
      "somebody else's entry",
      but({ 'x-ropeline-entry': buyer['x-ropeline-entry'] ?? '' }),
      403,
      'entry-bound',
    ],
    ['no key', but({ 'idempotency-key': null }), 400, 'idempotency-key-required'],
    ['a key with a space', but({ 'idempotency-key': 'a b' }), 400, 'bad-request'],
    ['two keys', but({ 'idempotency-key': ['a', 'b'] }), 400, 'bad-request'],
    ['no JSON', but({}, '{"offerId":11,'), 400, 'bad-request'],
    ['no body', but({}, ''), 400, 'bad-request'],
    ['a poisoned prototype', but({}, '{"offerId":11,"quantity":1,"__proto__":{}}'), 400, 'bad-request'],
    ['a member too many', json({ ...one, seats: ['A1'] }), 400, 'bad-request'],
    ['a quantity of none', json({ ...one, quantity: 0 }), 400, 'bad-request'],
    ['a quantity in text', json({ ...one, quantity: '1' }), 400, 'bad-request'],
    ['half a unit', json({ ...one, quantity: 0.5 }), 400, 'bad-request'],
    ['seats of a pool', json({ offerId: 11, seats: ['A1'] }), 400, 'bad-request'],
    ['an unknown offer', json({ ...one, offerId: 999 }), 404, 'unknown-offer'],
    ['a table', but({ 'content-type': 'text/csv' }), 415, 'unsupported-media-type'],
    ['a type with a charset', but({ 'content-type': 'application/json; charset=utf-8' }), 409, 'sold-out'],
    ['a long body', but({}, body.padEnd(9_000)), 409, 'sold-out'],
    ['a body announced as too long', but({ 'content-length': '70000' }, ''), 413, 'too-large'],
    [
      'a body in chunks',
      but({ 'content-length': null, 'transfer-encoding': 'chunked' }, chunked(body)),
      409,
      'sold-out',
    ],
    ['a client that waits to be asked for it', but({ expect: '100-continue' }), 100, 'sold-out'],
    ['another method', { ...but({}), method: 'PUT' }, 404, 'not-found'],
  ];
  for (const [what, order, status, code = ''] of cases) {
    const [first, behind] = [await sale.send(order), await sale.send({ ...order, path: usualPath })];
    expect(first, what).toBe(behind);
    expect([statusesOf(first).at(0), first], what).toEqual([status, expect.stringContaining(code)]);
  }
  const { server } = sale.shop.running.service.http;
  const whole = rawOrder({ headers, body });
  for (const at of [20, whole.length - body.length, whole.length - 5]) {
    const answer = await exchange(server, [whole.slice(0, at), whole.slice(at)]);
    expect(answer).toBe(await sale.send({ headers, body, path: usualPath }));
  }
  const mixed = await sale.send(
    { headers: { ...headers, connection: 'keep-alive' }, body },
    but({ connection: 'keep-alive', authorization: null }),
    { headers, body },
  );
  expect(statusesOf(mixed)).toEqual([409, 401, 409]);
});

const chunked = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;

it('never tells who repeats an order that all is sold, nor anybody once units are back', async () => {
  const sale = await openSale();
  const [buyer, headers] = [await sale.headersOf('testuser1'), await sale.headersOf('testuser2')];
  const wish = { ...one, quantity: 3 };
  const orderId = await buy(sale, buyer, wish);
  const body = JSON.stringify(one);
  await sale.first({ headers, body });

  const again = await sale.send({ headers: buyer, body: JSON.stringify(wish) });
  expect([statusesOf(again), again]).toEqual([[200], expect.stringContaining(orderId)]);
  const other = await sale.send({ headers: buyer, body });
  expect([statusesOf(other), other]).toEqual([[422], expect.stringContaining('idempotency-mismatch')]);

  await sale.shop.cancel(String(buyer['authorization']).slice('Bearer '.length), orderId);
  await until(async () => statusesOf(await sale.send({ headers, body })).at(0) === 201);
});

it('counts what it refuses as the refusals behind it are counted', async () => {
  const sale = await openSale();
  const [buyer, headers] = [await sale.headersOf('testuser1'), await sale.headersOf('testuser2')];
  await buy(sale, buyer, { ...one, quantity: 3 });
  const counts = async (): Promise<readonly number[]> => {
    const text = await (await fetch(`${sale.shop.running.url}/metrics`)).text();
    return [
      'ticket_refusals_total{code="sold-out"}',
      'ticket_order_calls_total{call="reserve",outcome="sold-out"}',
      'ticket_request_duration_seconds_count{route="/api/orders",status="4xx"}',
    ].map((name) =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(name))
          ?.split(' ')[1] ?? 0,
      ),
    );
  };
  const before = sale.sent();
  await sale.first({ headers, body: JSON.stringify(one) });
  await until(async () => (await counts()).every((count) => count === sale.sent() - before));
});

it('leaves the last requests of a service that stops to Fastify, which hangs up after them', async () => {
  const sale = await openSale();
  const [buyer, headers] = [await sale.headersOf('testuser1'), await sale.headersOf('testuser2')];
  await buy(sale, buyer, { ...one, quantity: 3 });
  const order = { headers: { ...headers, connection: 'keep-alive' }, body: JSON.stringify(one) };
  await sale.first({ ...order, headers });
  const { http } = sale.shop.running.service;
  const whole = rawOrder(order);
  const answer = await exchange(http.server, [whole.slice(0, 20), whole.slice(20)], () => {
    void http.close();
    return until(() => !http.server.listening);
  });
  expect(answer).toContain('Connection: close');
  expect(statusesOf(answer)).toEqual([409]);
});
