import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@ropeline/core/log.ts';
import { connectRedis, type Redis, untilReady } from '@ropeline/core/redis/connect.ts';
import { expect, it } from 'vitest';
import { type RedisOptions, type RedisServer, startRedis } from '../../../scripts/services/redis-server.ts';
import { startRedisSentinel } from '../../../testing/redis-sentinel.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { bearer, call, logIn } from '../support/http.ts';
import { openShop } from '../support/shop.ts';
import { type RunningService, startService } from '../support/start-service.ts';

async function durable(words: readonly string[] = []): Promise<RedisServer> {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-replica-')), (it) =>
    rmSync(it, { recursive: true, force: true }),
  );
  const options: RedisOptions = {
    folder,
    appendfsync: 'always',
    words: ['--repl-diskless-sync-delay', '0', ...words],
  };
  return cleanedUp(await startRedis(options), (it) => it.kill());
}

const follow = (master: RedisServer): Promise<RedisServer> =>
  durable(['--replicaof', `127.0.0.1 ${master.port}`]);

async function client(server: RedisServer): Promise<Redis> {
  const redis = cleanedUp(
    connectRedis(server.url, { name: 'test', log: createLog('test', 'silent') }),
    (it) => it.disconnect(),
  );
  await untilReady(redis);
  return redis;
}

async function serve(redisUrl: string, env: Record<string, string>): Promise<RunningService> {
  return cleanedUp(await startService({ redisUrl, env, members: 3 }), (it) => it.stop());
}

/** Asked again with its key until it is answered: a replica that is slow to confirm makes it 503. */
const ordered = (running: RunningService, token: string, key: string) =>
  until(async () => {
    const answer = await order(running, token, key);
    return answer.status < 300 && answer;
  });

const order = (running: RunningService, token: string, key: string) =>
  call(running, '/api/orders', {
    json: { offerId: 1, quantity: 1 },
    headers: { ...bearer(token), 'idempotency-key': key },
  });

it('does not sell before a replica follows, and then a replica has what was answered', async () => {
  const master = await durable();
  const running = await serve(master.url, { STOCK_REPLICAS: '1', DURABILITY: 'strict' });
  const token = await logIn(running);
  const ready = await call(running, '/health/ready');
  expect(ready).toMatchObject({ status: 503 });
  expect(JSON.stringify(ready.body)).toContain('fewer than 1 replicas confirm');
  expect(await order(running, token, 'k0')).toMatchObject({ status: 503, body: { code: 'not-ready' } });

  const replica = await client(await follow(master));
  await until(async () => (await call(running, '/health/ready')).status === 200);
  for (const key of ['k1', 'k2', 'k3']) {
    const { body } = await ordered(running, token, key);
    expect(await replica.keys(`*:order:${String(body['orderId'])}`)).toHaveLength(1);
  }
});

it('answers 503 while the replica hangs, holds the units, and tells the same order when it is asked again', async () => {
  const master = await durable();
  const replica = await follow(master);
  const running = await serve(master.url, { STOCK_REPLICAS: '1', DURABILITY: 'strict' });
  await until(async () => (await call(running, '/health/ready')).status === 200);
  const token = await logIn(running);
  await ordered(running, token, 'k1');

  process.kill(replica.pid, 'SIGSTOP');
  cleanedUp(replica, ({ pid }) => process.kill(pid, 'SIGCONT'));
  const refused = await order(running, token, 'k2');
  expect(refused).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  expect(refused.headers.get('retry-after')).toBe('1');
  expect((await order(running, token, 'k3')).status).toBe(503);

  process.kill(replica.pid, 'SIGCONT');
  expect(await ordered(running, token, 'k2')).toMatchObject({ status: 200, body: { state: 'RESERVED' } });
  await until(async () => (await call(running, '/api/offers/1/stock')).body['held'] === 2);
});

it('moves no money before a replica knows of the step that it follows from', async () => {
  const master = await durable();
  const replica = await follow(master);
  cleanedUp(replica, ({ pid }) => process.kill(pid, 'SIGCONT'));
  const env = { STOCK_REPLICAS: '1', DURABILITY: 'strict', SETTLE_PAYMENTS: 'false' };
  const shop = await openShop(env, { redisUrl: master.url });
  const isReady = async () => (await call(shop.running, '/health/ready')).status === 200;
  await until(isReady);
  const token = await shop.join();
  const place = async () => String((await shop.order(token, { offerId: 11, quantity: 1 })).body['orderId']);
  const [sold, next] = [await place(), await place()];
  expect((await shop.pay(token, sold)).status).toBe(200);
  const payments = async () =>
    (await shop.pool.query('select order_id, state from payments order by created_at')).rows;

  process.kill(replica.pid, 'SIGSTOP');
  expect((await shop.cancel(token, sold)).status).toBe(503);
  expect(await payments()).toEqual([{ order_id: sold, state: 'paid' }]);
  process.kill(replica.pid, 'SIGCONT');
  await until(async () => (await shop.cancel(token, sold)).status === 200);
  expect(await payments()).toEqual([{ order_id: sold, state: 'refund-due' }]);

  await until(isReady);
  process.kill(replica.pid, 'SIGSTOP');
  expect((await shop.pay(token, next)).status).toBe(503);
  expect(await payments()).toHaveLength(1);
  expect(await shop.charges()).toMatchObject({ paid: 1 });
});

it('loses no order that was answered when a replica takes the place of the master', async () => {
  const sentinel = cleanedUp(await startRedisSentinel(), (it) => it.stop());
  const running = await serve(sentinel.url, {});
  expect(running.config.stockReplicas).toBe(1);
  await until(async () => (await call(running, '/health/ready')).status === 200);
  const token = await logIn(running);
  const answered: string[] = [];
  let isOver = false;
  const buyers = Array.from({ length: 4 }, async (_, buyer) => {
    for (let at = 0; !isOver; at += 1) {
      const { status, body } = await order(running, token, `k-${buyer}-${at}`);
      if (status === 201) answered.push(String(body['orderId']));
    }
  });
  await until(() => answered.length > 50);
  await sentinel.master.kill();
  await until(async () => (await sentinel.masterPort()) === sentinel.replica.port, 120_000);
  isOver = true;
  await Promise.all(buyers);

  // The old master comes back as a replica of the new one: sales may go on.
  cleanedUp(await sentinel.startMasterAgain(['--replicaof', `127.0.0.1 ${sentinel.replica.port}`]), (it) =>
    it.kill(),
  );
  await until(async () => (await call(running, '/health/ready')).status === 200);
  for (const orderId of answered) {
    const { body } = await call(running, `/api/orders/${orderId}`, { headers: bearer(token) });
    expect(body).toMatchObject({ orderId, state: 'RESERVED' });
  }
  expect((await ordered(running, token, 'after')).body).toMatchObject({ state: 'RESERVED' });
}, 300_000);
