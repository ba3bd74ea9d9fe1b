import { expect, it } from 'vitest';
import { until } from '../../../testing/until.ts';
import { bearer } from '../support/http.ts';
import { openSite, type Site } from '../support/kill-points.ts';
import { type Deed, deeds } from '../support/points-of-orders.ts';

it.each(['reserve', 'pay', 'cancel'] as const)(
  'killed at any point of %s, the order is finished or undone, units and money are right',
  async (what) => {
    const site = await openSite();
    await site.spawn('workers');
    const tried: string[] = [];
    for (const deed of deeds.filter(({ does }) => does === what)) {
      await dieAt(site, deed);
      tried.push(deed.at.name);
    }
    expect(tried.length).toBeGreaterThan(1);
  },
  400_000,
);

let member = 0;

async function dieAt(site: Site, { at, does, provider = {}, ends }: Deed): Promise<void> {
  const { shop } = site;
  member += 1;
  const token = await shop.join(`testuser${member}`);
  const before = await counts(site);
  const taps = await site.taps();
  const victim = await site.spawn('ticket-service', taps);
  const send = (path: string, json?: unknown) =>
    fetch(`${victim.url}${path}`, {
      method: 'POST',
      headers: {
        ...bearer(token),
        'idempotency-key': `key-${member}`,
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    }).catch(() => undefined);
  const wish = { offerId: 1, quantity: 1 };

  let orderId = '';
  if (does !== 'reserve') {
    orderId = String((await shop.order(token, wish, `key-${member}`)).body['orderId']);
    if (does === 'cancel') expect((await shop.pay(token, orderId)).status, at.name).toBe(200);
  }
  await shop.behave({ declineShare: 0, errorShare: 0, ...provider });
  const reached = taps[at.wire].freezeAt(at);
  const answer = does === 'reserve' ? send('/api/orders', wish) : send(`/api/orders/${orderId}/${does}`);
  await Promise.race([
    reached,
    answer.then((early) => {
      throw new Error(`${at.name}: it answered ${early?.status} instead`);
    }),
  ]);
  await victim.kill();
  expect(await answer, at.name).toBeUndefined();
  await shop.behave({ declineShare: 0, errorShare: 0 });

  if (does === 'reserve') {
    const { body } = await shop.get(token, '/api/orders');
    const orders = body['orders'] as readonly { readonly orderId: string }[];
    expect(orders, at.name).toHaveLength(ends === 'none' ? 0 : 1);
    const again = await shop.order(token, wish, `key-${member}`);
    expect(again.status, at.name).toBe(ends === 'none' ? 201 : 200);
    orderId = String(again.body['orderId']);
    if (orders[0] !== undefined) expect(orders[0].orderId).toBe(orderId);
  }
  const end = ends === 'none' ? 'RESERVED' : ends;
  const sold = end === 'COMPLETED' ? 1 : 0;
  const expected = {
    state: end,
    units: { held: before.units.held + (end === 'RESERVED' ? 1 : 0), sold: before.units.sold + sold },
    taken: before.taken + (end === 'CANCELLED' ? 0 : 1),
    /** Money that the provider keeps. */
    kept: before.kept + sold,
  };
  let last: unknown;
  await until(async () => {
    await site.age(orderId);
    const { rows } = await shop.pool.query<{ state: string }>(
      'select state from orders where order_id = $1',
      [orderId],
    );
    const { body } = await shop.get(token, `/api/orders/${orderId}`);
    last = { state: rows[0]?.state === body['state'] ? body['state'] : undefined, ...(await counts(site)) };
    return JSON.stringify(last) === JSON.stringify(expected);
  }).catch((cause: unknown) => {
    throw new Error(`${at.name}: ${JSON.stringify({ last, expected })}`, { cause });
  });
}

/** As Redis, Postgres and the provider's ledger have it. */
async function counts({ shop, redis }: Site) {
  const [key = ''] = await redis.keys('ropeline:{stock:*}:offer:1');
  const [held, sold] = await redis.hmget(key, 'held', 'sold');
  const { rows } = await shop.pool.query<{ taken: number }>('select taken from offers where offer_id = 1');
  const { paid } = (await shop.charges()) as { paid: number };
  return {
    units: { held: Number(held), sold: Number(sold) },
    taken: rows[0]?.taken ?? Number.NaN,
    kept: paid,
  };
}
