import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { bearer, call, logIn } from '../support/http.ts';
import { type RunningService, startService } from '../support/start-service.ts';

let running: RunningService;
beforeAll(async () => {
  running = await startService();
});
afterAll(() => running.stop());

async function buy(quantity: number): Promise<void> {
  const headers = { ...bearer(await logIn(running)), 'idempotency-key': randomUUID() };
  expect((await call(running, '/api/orders', { json: { offerId: 1, quantity }, headers })).status).toBe(201);
}

test('offers are listed and shown', async () => {
  const offer = {
    id: 1,
    kind: 'pool',
    title: '1,000 tickets',
    capacity: 1_000,
    price: { minor: 50_000, currency: 'KRW' },
    rooms: ['demo'],
    stockRoom: 'demo',
    perEntry: 4,
    perMember: null,
    nights: null,
  };
  expect((await call(running, '/api/offers')).body).toEqual({ offers: [offer] });
  expect((await call(running, '/api/offers/1')).body).toEqual(offer);
});

test('the stock adds up and follows the sales', async () => {
  await buy(3);
  const stock = await until(async () => {
    const { body } = await call(running, '/api/offers/1/stock');
    return Number(body['held']) >= 3 && body;
  });
  expect(Number(stock['held']) + Number(stock['sold']) + Number(stock['available'])).toBe(1_000);
});

test('metrics tell the stock right after a sale', async () => {
  await buy(1);
  const response = await fetch(`${running.url}/metrics`);
  expect(await response.text()).toMatch(/ticket_stock_units\{offer="1",kind="held"\} [1-9]/);
});

test('the stream tells the stock at once and whenever it changes, and ends with the reader', async () => {
  const reading = new AbortController();
  const response = await fetch(`${running.url}/api/offers/1/stock/stream`, { signal: reading.signal });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const events: { held: number }[] = [];
  const read = (async () => {
    for await (const chunk of response.body ?? []) {
      for (const [, json = '{}'] of Buffer.from(chunk)
        .toString()
        .matchAll(/^data: (.*)$/gm))
        events.push(JSON.parse(json));
    }
  })().catch(() => undefined);
  await until(() => events.length === 1);
  const before = events[0]?.held ?? Number.NaN;
  await buy(2);
  await until(() => events.at(-1)?.held === before + 2);
  reading.abort();
  await read;
  const open = async () =>
    /ticket_stock_streams (\d+)/.exec(await (await fetch(`${running.url}/metrics`)).text())?.[1];
  await until(async () => (await open()) === '0');
});

test('beyond its limit the stream says 503 and when to come back; who leaves makes room', async () => {
  const small = cleanedUp(await startService({ env: { STOCK_WATCHERS: '3' } }), (made) => made.stop());
  await until(async () => (await call(small, '/api/offers/1/stock')).status === 200);
  const watch = async () => {
    const leaving = new AbortController();
    const response = await fetch(`${small.url}/api/offers/1/stock/stream`, { signal: leaving.signal });
    return { response, leave: () => leaving.abort() };
  };
  const wanted = await Promise.all(Array.from({ length: 12 }, watch));
  const inside = wanted.filter(({ response }) => response.status === 200);
  const outside = wanted.filter(({ response }) => response.status === 503);
  expect([inside.length, outside.length]).toEqual([3, 9]);
  for (const { response } of outside) {
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await response.json()).toMatchObject({ status: 503, code: 'unavailable' });
  }
  inside[0]?.leave();
  const next = await until(async () => {
    const came = await watch();
    return came.response.status === 200 && came;
  });
  expect((await watch()).response.status).toBe(503);
  next.leave();
  expect((await call(small, '/api/offers/1/stock')).status).toBe(200);
});

test('an offer that is withdrawn has no stock any more, and who watches it hears the end', async () => {
  const shop = cleanedUp(await startService(), (made) => made.stop());
  const host = bearer(await logIn(shop, 'host1'));
  await until(async () => (await call(shop, '/api/offers/1/stock')).status === 200);
  const watching = await fetch(`${shop.url}/api/offers/1/stock/stream`);
  expect((await call(shop, '/api/offers/1', { method: 'DELETE', headers: host })).status).toBe(204);
  expect(await watching.text()).toContain('event: stock');
  for (const path of ['', '/stock', '/stock/stream']) {
    expect(await call(shop, `/api/offers/1${path}`)).toMatchObject({
      status: 404,
      body: { code: 'unknown-offer' },
    });
  }
});

test('a stop ends open streams', async () => {
  const other = await startService();
  await until(async () => (await call(other, '/api/offers/1/stock')).status === 200);
  const response = await fetch(`${other.url}/api/offers/1/stock/stream`);
  const ended = response.text();
  await other.stop();
  expect(await ended).toContain('event: stock');
});
