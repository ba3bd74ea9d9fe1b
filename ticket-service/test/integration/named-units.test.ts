import { expect, it } from 'vitest';
import { inParallel } from '../../../testing/in-parallel.ts';
import { until } from '../../../testing/until.ts';
import { openShop, type Shop } from '../support/shop.ts';

async function openHall(): Promise<Shop> {
  const shop = await openShop();
  await shop.pool.query(
    `insert into offers (offer_id, kind, title, capacity, price_minor, currency, rooms) values
     (21, 'seats', 'a hall', 10, 0, 'KRW', '{demo}')`,
  );
  await shop.pool.query(
    `insert into seats (offer_id, seat, section, price_minor, at)
     select 21, 'A' || n, case when n <= 2 then 'front' else 'back' end, case when n <= 2 then 5000 else 1000 end, n
     from generate_series(1, 10) n`,
  );
  await shop.pool.query(
    `insert into offers (offer_id, kind, title, capacity, price_minor, currency, rooms, first_night, end_of_nights)
     values (22, 'nights', 'a room', 31, 90000, 'KRW', '{demo}', '2026-12-01', '2027-01-01')`,
  );
  await until(async () => 'available' in (await shop.stock(22)));
  return shop;
}

const code = ({ status, body }: { status: number; body: Record<string, unknown> }) => [status, body['code']];

it('sells named seats at the price of their section, and two buyers of one seat get one winner', async () => {
  const shop = await openHall();
  const tokens = await Promise.all(['testuser1', 'testuser2'].map((id) => shop.join(id)));
  const both = await Promise.all(
    tokens.map((token) => shop.order(token, { offerId: 21, seats: ['A3', 'A2'] })),
  );
  expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
  const won = both.find(({ status }) => status === 201);
  const lost = both.find(({ status }) => status === 409);
  expect(won?.body).toMatchObject({ units: ['A2', 'A3'], amount: { minor: 6_000 } });
  expect(lost?.body).toMatchObject({ code: 'taken', available: 8 });
  await expect.poll(() => shop.stock(21)).toEqual({ capacity: 10, held: 2, sold: 0, available: 8 });
});

it('lets five hundred buyers at ten seats: ten are sold, each once', async () => {
  const shop = await openHall();
  const tokens = await Promise.all(Array.from({ length: 5 }, (_, n) => shop.join(`testuser${n + 1}`)));
  const answers = await inParallel(200, [...Array(500).keys()], (n) =>
    shop.order(tokens[n % 5] as string, { offerId: 21, seats: [`A${1 + (n % 10)}`] }),
  );
  const sold = answers.filter(({ status }) => status === 201).map(({ body }) => String(body['units']));
  expect(sold.sort()).toEqual(Array.from({ length: 10 }, (_, n) => `A${n + 1}`).sort());
  expect(answers.filter(({ status }) => status !== 201).every(({ status }) => status === 409)).toBe(true);
  await expect.poll(() => shop.stock(21)).toMatchObject({ held: 10, available: 0 });
});

it('books every night of a stay or none: overlaps are refused, stays may touch', async () => {
  const shop = await openHall();
  const token = await shop.join();
  const stay = (from: string, to: string) => shop.order(token, { offerId: 22, from, to });
  const first = await stay('2026-12-10', '2026-12-13');
  expect(first.body).toMatchObject({
    units: ['2026-12-10', '2026-12-11', '2026-12-12'],
    amount: { minor: 270_000 },
  });
  expect(code(await stay('2026-12-12', '2026-12-14'))).toEqual([409, 'taken']);
  expect(code(await stay('2026-12-09', '2026-12-11'))).toEqual([409, 'taken']);
  expect((await stay('2026-12-13', '2026-12-15')).status).toBe(201);
  expect((await stay('2026-12-09', '2026-12-10')).status).toBe(201);
  expect((await shop.cancel(token, first.body['orderId'])).status).toBe(200);
  expect((await stay('2026-12-10', '2026-12-13')).status).toBe(201);
});

const nonsense = [
  { offerId: 21, quantity: 1 },
  { offerId: 21, seats: ['A1', 'A1'] },
  { offerId: 21, seats: ['Z1'] },
  { offerId: 21, seats: [] },
  { offerId: 21, seats: ['A1'], quantity: 1 },
  { offerId: 21, from: '2026-12-01', to: '2026-12-02' },
  { offerId: 22, from: '2026-11-30', to: '2026-12-02' },
  { offerId: 22, from: '2026-12-31', to: '2027-01-02' },
  { offerId: 22, from: '2026-12-05', to: '2026-12-05' },
  { offerId: 22, from: '2026-02-30', to: '2026-03-02' },
  { offerId: 1, seats: ['A1'] },
];

it('refuses what the offer has not, and takes nothing', async () => {
  const shop = await openHall();
  const token = await shop.join();
  for (const body of nonsense) {
    expect(code(await shop.order(token, body)), JSON.stringify(body)).toEqual([400, 'bad-request']);
  }
  expect(await shop.stock(21)).toMatchObject({ held: 0 });
});
