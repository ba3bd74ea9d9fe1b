import { partitionOfOrder } from '@ropeline/core/stock/order-id.ts';
import { stockKeys } from '@ropeline/core/stock/stock-keys.ts';
import { expect, it } from 'vitest';
import { until } from '../../../testing/until.ts';
import { bearer, call } from '../support/http.ts';
import { afterScript, afterSql, type KillPoint, openSite, type Site } from '../support/kill-points.ts';

const open = () => openSite({ RECONCILE_SECONDS: '1' });

const keysOf = (orderId: string) => stockKeys(partitionOfOrder(orderId) ?? 0);

async function findings({ shop }: Site, finding: string): Promise<number> {
  const text = await (await fetch(`${shop.running.url}/metrics`)).text();
  const line = text
    .split('\n')
    .find((at) => at.startsWith(`ticket_reconciler_findings_total{finding="${finding}"}`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

async function stored({ shop }: Site, orderId: string): Promise<string | undefined> {
  const { rows } = await shop.pool.query<{ state: string }>('select state from orders where order_id = $1', [
    orderId,
  ]);
  return rows[0]?.state;
}

it('tells an order again whose outbox entry was lost on the way', async () => {
  const site = await open();
  const { shop, redis } = site;
  const token = await shop.join();
  const order = async () => String((await shop.order(token, { offerId: 1, quantity: 1 })).body['orderId']);
  const [lost, other] = [await order(), await order()];
  const { outbox } = keysOf(lost);
  const [[entry] = ['']] = await redis.xrange(outbox, '-', '+', 'COUNT', 1);
  expect(await redis.xdel(outbox, entry)).toBe(1);
  await site.spawn('workers');
  await until(async () => (await stored(site, other)) === 'RESERVED');

  await until(async () => (await stored(site, lost)) === 'RESERVED');
  await until(async () => (await findings(site, 'told')) > 0);
  expect((await shop.pay(token, lost)).status).toBe(200);
  await until(async () => (await stored(site, lost)) === 'COMPLETED');
  expect(await findings(site, 'differs')).toBe(0);
});

it('puts an open order back that Redis has lost, so that it can be paid, or expires', async () => {
  const site = await open();
  const { shop, redis } = site;
  await site.spawn('workers');
  const token = await shop.join();
  const order = async () => String((await shop.order(token, { offerId: 11, quantity: 1 })).body['orderId']);
  const [paid, expired] = [await order(), await order()];
  await until(
    async () => (await stored(site, paid)) !== undefined && (await stored(site, expired)) !== undefined,
  );
  // Postgres has it from the persisted entry: that the hold ran out meanwhile.
  await shop.pool.query(`update orders set hold_until = now() where order_id = $1`, [expired]);
  for (const orderId of [paid, expired]) {
    await redis.del(keysOf(orderId).order(orderId));
    await redis.zrem(keysOf(orderId).holds, orderId);
  }
  await until(async () => (await findings(site, 'restored')) === 2);
  expect((await shop.pay(token, paid)).status).toBe(200);
  await until(async () => (await stored(site, expired)) === 'EXPIRED');
  await expect.poll(() => shop.stock(11)).toEqual({ capacity: 3, held: 0, sold: 1, available: 2 });
});

it('changes nothing where nobody can say who is right, but says so', async () => {
  const site = await open();
  const { shop } = site;
  await site.spawn('workers');
  const token = await shop.join();
  const { body } = await shop.order(token, { offerId: 11, quantity: 1 });
  const orderId = String(body['orderId']);
  await until(async () => (await stored(site, orderId)) === 'RESERVED');
  await shop.pool.query('update orders set version = 7 where order_id = $1', [orderId]);
  await until(async () => (await findings(site, 'differs')) > 0);
  expect(await site.redis.hget(keysOf(orderId).order(orderId), 'version')).toBe('1');
  expect(await findings(site, 'told')).toBe(0);
});

it('finds nothing in a shop where all is well and much goes on', async () => {
  const site = await open();
  const { shop } = site;
  await site.spawn('workers');
  const token = await shop.join();
  let rounds = 0;
  const turns = async () => Number(await site.redis.exists('ropeline:stock:reconciler'));
  let [passes, last] = [0, 0];
  while (passes < 3 && rounds < 2_000) {
    rounds += 1;
    const { body } = await shop.order(token, { offerId: 1, quantity: 1 });
    if (rounds % 2 === 0) await shop.pay(token, body['orderId']);
    if (rounds % 3 === 0) await shop.cancel(token, body['orderId']);
    const now = await turns();
    if (now > last) passes += 1;
    last = now;
  }
  expect(passes).toBe(3);
  for (const finding of ['told', 'restored', 'capacity', 'differs'])
    expect(await findings(site, finding)).toBe(0);
});

type Change = { readonly at: KillPoint; readonly to: number; readonly ends: number };

/** Of an offer with 10 units. */
const changes: readonly Change[] = [
  { at: { name: 'after Postgres has more', ...afterSql('update offers set capacity') }, to: 20, ends: 20 },
  { at: { name: 'after Redis has more', ...afterScript('change_capacity') }, to: 30, ends: 30 },
  { at: { name: 'after Redis has fewer', ...afterScript('change_capacity') }, to: 5, ends: 30 },
  { at: { name: 'after Postgres has fewer', ...afterSql('update offers set capacity') }, to: 6, ends: 6 },
];

it('a service killed at any point of a change of capacity leaves one that is finished or undone', async () => {
  const site = await open();
  const { shop, redis } = site;
  const headers = bearer(await shop.join('host1'));
  const json = {
    kind: 'pool',
    title: 'A deal',
    capacity: 10,
    priceMinor: 5,
    currency: 'KRW',
    rooms: ['demo'],
    shards: 3,
  };
  const { body } = await call(shop.running, '/api/offers', { headers, json });
  const id = Number(body['id']);
  const inRedis = async (): Promise<number> => {
    const keys = await redis.keys(`ropeline:{stock:*}:offer:${id}`);
    const counts = await Promise.all(keys.map((key) => redis.hget(key, 'capacity')));
    return counts.reduce((sum, count) => sum + Number(count), 0);
  };
  for (const { at, to, ends } of changes) {
    const taps = await site.taps();
    const victim = await site.spawn('ticket-service', taps);
    const reached = taps[at.wire].freezeAt(at);
    const answer = fetch(`${victim.url}/api/offers/${id}`, {
      method: 'PATCH',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ capacity: to }),
    }).catch(() => undefined);
    await Promise.race([
      reached,
      answer.then((early) => {
        throw new Error(`${at.name}: it answered ${early?.status} instead`);
      }),
    ]);
    await victim.kill();
    await answer;
    await until(async () => {
      const { rows } = await shop.pool.query<{ capacity: number }>(
        'select capacity from offers where offer_id = $1',
        [id],
      );
      return rows[0]?.capacity === ends && (await inRedis()) === ends;
    }).catch((cause: unknown) => {
      throw new Error(at.name, { cause });
    });
  }
  await expect.poll(() => shop.stock(id)).toMatchObject({ capacity: 6, held: 0, sold: 0, available: 6 });
});

it('a service killed while it moves units between shards loses none and doubles none', async () => {
  const site = await open();
  const { shop, redis } = site;
  await site.spawn('workers');
  await shop.pool.query(`insert into offers (offer_id, kind, title, capacity, price_minor, currency, rooms, shards)
    values (41, 'pool', 'sharded', 4, 100, 'KRW', '{demo}', 4)`);
  await until(async () => (await shop.stock(41))['available'] === 4);
  const token = await shop.join();
  for (const at of ['send_units', 'receive_units', 'settle_transfer']) {
    const taps = await site.taps();
    const victim = await site.spawn('ticket-service', taps);
    const reached = taps.redis.freezeAt(afterScript(at));
    const answer = call({ ...shop.running, url: victim.url }, '/api/orders', {
      json: { offerId: 41, quantity: 3 },
      headers: { ...bearer(token), 'idempotency-key': `k-${at}` },
    }).catch(() => undefined);
    await reached;
    await victim.kill();
    await answer;
    await until(async () => {
      const under = await Promise.all(
        [0, 1, 2, 3].map((partition) => redis.hlen(stockKeys(partition).transfers)),
      );
      return under.every((transfers) => transfers === 0);
    });
    await expect
      .poll(() => shop.stock(41), { message: at })
      .toEqual({ capacity: 4, held: 0, sold: 0, available: 4 });
  }
  const orders = await Promise.all([0, 1, 2].map(() => shop.order(token, { offerId: 41, quantity: 2 })));
  expect(orders.map(({ status }) => status).sort()).toEqual([201, 201, 409]);
});

it('an offer whose host died before it had units gets them', async () => {
  const site = await open();
  const { shop } = site;
  const headers = { ...bearer(await shop.join('host1')), 'content-type': 'application/json' };
  const taps = await site.taps();
  const victim = await site.spawn('ticket-service', taps);
  const reached = taps.postgres.freezeAt({ sends: ['insert into offers', 'commit'], when: 'after' });
  const answer = fetch(`${victim.url}/api/offers`, {
    method: 'POST',
    headers,
    body: JSON.stringify({
      kind: 'pool',
      title: 'Left',
      capacity: 7,
      priceMinor: 5,
      currency: 'KRW',
      rooms: ['demo'],
    }),
  }).catch(() => undefined);
  await reached;
  await victim.kill();
  await answer;
  const { rows } = await shop.pool.query<{ offer_id: number }>(
    `select offer_id from offers where title = 'Left'`,
  );
  await until(async () => (await shop.stock(rows[0]?.offer_id))['available'] === 7);
});
