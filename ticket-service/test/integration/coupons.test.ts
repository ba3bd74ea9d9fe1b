import { randomBytes } from 'node:crypto';
import { createLog } from '@ropeline/core/log.ts';
import pg from 'pg';
import { expect, it } from 'vitest';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { inParallel } from '../../../testing/in-parallel.ts';
import { cleanedUp, freshDatabase } from '../../../testing/scope.ts';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { seedDemo } from '../../src/demo/seed-demo.ts';
import { AccessTokens } from '../../src/members/access-tokens.ts';
import { runMigrations } from '../../src/migrations.ts';
import { type Answer, bearer, call } from '../support/http.ts';
import { openShop, type Shop } from '../support/shop.ts';

const capacity = 100;

type Coupon = {
  readonly id: number;
  readonly issue: (member: string) => Promise<Answer>;
  readonly counts: () => Promise<Record<string, unknown>>;
  readonly mine: (member: string) => Promise<readonly Record<string, unknown>[]>;
};

/** A coupon of host1's; members need no log-in of their own for it. */
async function open(shop: Shop, terms: Record<string, unknown> = {}): Promise<Coupon> {
  const made = await call(shop.running, '/api/coupons', {
    headers: bearer(await shop.join('host1')),
    json: { title: '10 % off', capacity, ...terms },
  });
  expect(made.status).toBe(201);
  const tokens = new AccessTokens(shop.running.config.memberSecret);
  const headers = async (id: string) =>
    bearer((await tokens.issue({ id, role: 'member', sessionId: undefined })).token);
  const path = `/api/coupons/${Number(made.body['id'])}`;
  return {
    id: Number(made.body['id']),
    issue: async (member) =>
      call(shop.running, `${path}/issue`, { method: 'POST', headers: await headers(member) }),
    counts: async () => (await call(shop.running, path)).body,
    mine: async (member) => {
      const { body } = await call(shop.running, '/api/coupons', { headers: await headers(member) });
      return body['coupons'] as Record<string, unknown>[];
    },
  };
}

const startWorkers = (shop: Shop) =>
  spawnService('workers/src/main.ts', 'WORKERS_PORT', {
    TICKET_REDIS_URL: shop.running.redisUrl,
    DATABASE_URL: shop.running.databaseUrl,
  });

const outcomes = (answers: readonly Answer[]): Record<string, number> =>
  Object.fromEntries(
    [
      ...Map.groupBy(answers, ({ status, body }) => `${status} ${String(body['outcome'] ?? body['code'])}`),
    ].map(([outcome, group]) => [outcome, group.length]),
  );

it.each([1, 3])('issues 100 coupons to 500 members at once, exactly 100, from %i shards', async (shards) => {
  const shop = await openShop();
  const coupon = await open(shop, { shards });
  await startWorkers(shop);
  const answers = await inParallel(200, [...Array(500).keys()], (n) => coupon.issue(`fan-${n}`));
  expect(outcomes(answers)).toEqual({ '202 issued': 100, '202 gone': 400 });

  await until(async () => (await coupon.counts())['persisted'] === 100);
  await until(async () => (await coupon.counts())['issued'] === 100);
  const { rows } = await shop.pool.query(
    `select count(*)::int as coupons, count(distinct member_id)::int as members from orders
     where offer_id = $1 and state = 'COMPLETED' and quantity = 1`,
    [coupon.id],
  );
  expect(rows).toEqual([{ coupons: 100, members: 100 }]);
});

it('issues one to a member who asks fifty times at once, and says so', async () => {
  const shop = await openShop();
  const coupon = await open(shop);
  const answers = await Promise.all(Array.from({ length: 50 }, () => coupon.issue('keen')));
  expect(outcomes(answers)).toEqual({ '202 issued': 1, '202 already': 49 });
  expect(await coupon.mine('keen')).toMatchObject([{ id: coupon.id, outcome: 'issued' }]);
  const metrics = await (await fetch(`${shop.running.url}/metrics`)).text();
  expect(metrics).toContain('ticket_coupon_issues_total{outcome="already"} 49');
});

it('lists a coupon for its member from the first moment, before and after it is written down, with its end', async () => {
  const shop = await openShop();
  const expiresAt = Date.now() + 10 * 86_400_000;
  const coupon = await open(shop, { capacity: 1, validSeconds: 60, expiresAt });
  expect((await coupon.issue('first')).body).toEqual({ id: coupon.id, outcome: 'issued' });
  const [mine] = await coupon.mine('first');
  expect(mine).toEqual({
    ...{ id: coupon.id, title: '10 % off', outcome: 'issued' },
    ...{ issuedAt: expect.any(Number), expiresAt: Number(mine?.['issuedAt']) + 60_000 },
  });
  expect((await coupon.counts())['persisted']).toBe(0);
  expect((await coupon.issue('second')).body).toEqual({ id: coupon.id, outcome: 'gone' });
  await until(async () => (await coupon.mine('second')).length === 1);
  expect(await coupon.mine('second')).toEqual([{ id: coupon.id, title: '10 % off', outcome: 'gone' }]);

  await startWorkers(shop);
  await until(async () => (await coupon.counts())['persisted'] === 1);
  const { rows } = await shop.pool.query('select order_id from orders where offer_id = $1', [coupon.id]);
  await shop.forget(rows[0].order_id);
  expect(await coupon.mine('first')).toEqual([mine]);
  expect((await coupon.issue('first')).body).toEqual({ id: coupon.id, outcome: 'already' });
});

it('refuses before and after its time, what is no coupon, and who is not logged in', async () => {
  const shop = await openShop();
  const hour = 3_600_000;
  const early = await open(shop, { opensAt: Date.now() + hour });
  const late = await open(shop, { opensAt: Date.now() - 2 * hour, closesAt: Date.now() - hour });
  for (const coupon of [early, late])
    expect(await coupon.issue('mina')).toMatchObject({ status: 409, body: { code: 'coupon-closed' } });
  const token = bearer(await shop.join());
  const ask = (path: string, headers: Record<string, string> = token) =>
    call(shop.running, path, { method: 'POST', headers });
  expect(await ask('/api/coupons/11/issue')).toMatchObject({ status: 404, body: { code: 'unknown-offer' } });
  expect(await ask('/api/coupons/no/issue')).toMatchObject({ status: 400 });
  expect(await ask(`/api/coupons/${early.id}/issue`, {})).toMatchObject({ status: 401 });
  const wish = { title: 'x', capacity: 1 };
  expect((await call(shop.running, '/api/coupons', { json: wish, headers: token })).status).toBe(403);
  const host = bearer(await shop.join('host1'));
  for (const wrong of [{ capacity: -1 }, { validSeconds: 0 }, { opensAt: 2, closesAt: 1 }, { price: 1 }]) {
    const answer = await call(shop.running, '/api/coupons', { json: { ...wish, ...wrong }, headers: host });
    expect(answer).toMatchObject({ status: 400, body: { code: 'bad-request' } });
  }
  expect(await shop.order(await shop.join(), { offerId: early.id, quantity: 1 })).toMatchObject({
    status: 400,
  });
  const { body } = await call(shop.running, '/api/offers');
  expect(JSON.stringify(body)).not.toContain('10 % off');
});

it('loses none and doubles none when the service is killed among the requests and everybody asks again', async () => {
  const redis = cleanedUp(await startRedis(), (it) => it.stop());
  const databaseUrl = await freshDatabase();
  const log = createLog('test', 'error');
  await runMigrations(databaseUrl, log);
  await seedDemo({ databaseUrl, log, members: 1, sourceSystems: false });
  const pool = cleanedUp(new pg.Pool({ connectionString: databaseUrl, max: 1 }), (it) => it.end());
  const { rows } = await pool.query(
    `with offer as (
       insert into offers (kind, title, capacity, price_minor, currency, per_member)
       values ('pool', 'a coupon', $1, 0, 'XXX', 1) returning offer_id
     ) insert into coupons (offer_id) select offer_id from offer returning offer_id`,
    [capacity],
  );
  const id = Number(rows[0].offer_id);
  const secret = randomBytes(32).toString('hex');
  const env = {
    ...{ DATABASE_URL: databaseUrl, TICKET_REDIS_URL: redis.url, MEMBER_SECRET: secret },
    ...{ ENTRY_REQUIRED: 'false', DURABILITY: 'relaxed' },
  };
  const tokens = new AccessTokens(secret);
  const members = await Promise.all(
    Array.from({ length: 300 }, async (_, n) =>
      bearer((await tokens.issue({ id: `fan-${n}`, role: 'member', sessionId: undefined })).token),
    ),
  );
  const ask = async (url: string, member: number): Promise<string | undefined> => {
    const response = await fetch(`${url}/api/coupons/${id}/issue`, {
      ...{ method: 'POST', headers: members[member] ?? {} },
    }).catch(() => undefined);
    return response?.status === 202 ? ((await response.json()) as { outcome: string }).outcome : undefined;
  };

  const first = await spawnService('ticket-service/src/main.ts', 'TICKET_PORT', env);
  const told = new Map<number, string>();
  let answered = 0;
  const asking = Promise.all(
    members.map(async (_, member) => {
      const outcome = await ask(first.url, member).catch(() => undefined);
      if (outcome !== undefined) told.set(member, outcome);
      answered += 1;
      if (answered === 30) await first.kill();
    }),
  );
  await asking;
  const second = await spawnService('ticket-service/src/main.ts', 'TICKET_PORT', env);
  await spawnService('workers/src/main.ts', 'WORKERS_PORT', {
    ...{ TICKET_REDIS_URL: redis.url, DATABASE_URL: databaseUrl },
  });
  const again = await Promise.all(
    members.map((_, member) => until(async () => (await ask(second.url, member)) ?? false)),
  );

  for (const [member, outcome] of told) {
    if (outcome === 'issued') expect(again[member]).toBe('already');
  }
  expect(again.filter((outcome) => outcome !== 'gone')).toHaveLength(capacity);
  const persisted = async () => {
    const { rows: counted } = await pool.query(
      `select count(*)::int as orders, count(distinct member_id)::int as members from orders
       where offer_id = $1 and state = 'COMPLETED'`,
      [id],
    );
    return counted[0];
  };
  await until(async () => (await persisted()).orders === capacity);
  expect(await persisted()).toEqual({ orders: capacity, members: capacity });
});
