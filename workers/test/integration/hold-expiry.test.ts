import { connectPostgres } from '@ropeline/core/postgres/connect.ts';
import { newOrderId } from '@ropeline/core/stock/order-id.ts';
import { prepareOffer, reserveUnits } from '@ropeline/core/stock/scripts.ts';
import { expect, test } from 'vitest';
import { migratedDatabase } from '../../../testing/migrated-database.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { addOffers, anOrder, silentLog, storedOrders, takenOf } from '../support/orders.ts';
import { startStock } from '../support/start-stock.ts';

test('a hold that ran out is expired by the workers: the unit is free in Redis and in Postgres', async () => {
  const { server, redis, stock } = await startStock();
  const url = await migratedDatabase();
  const pool = cleanedUp(connectPostgres(url, { name: 'test', log: silentLog }), (it) => it.end());
  await addOffers(pool, 2);
  const keys = stock.keysOf(1);
  await stock.call(prepareOffer, [keys.epoch, keys.offer(1)], [2]);
  const short = anOrder({ orderId: newOrderId(1) });
  const long = anOrder({ orderId: newOrderId(1) });
  const reply = await stock.call(
    reserveUnits,
    [
      ...[keys.epoch, keys.holds, keys.outbox],
      ...[short, long].flatMap((order) => [
        ...[keys.offer(1), keys.units(1), keys.members(1), keys.entryUnits(1, '')],
        keys.idempotency(1, order.memberId, order.idempotencyKey),
        ...[keys.memberOrders(order.memberId), keys.order(order.orderId)],
      ]),
    ],
    [
      ...[1_000, 86_400_000],
      ...[short, long].flatMap((order) => [
        ...[order.orderId, 1, order.memberId, 1, 1, order.amountMinor, order.currency, ''],
        ...[order.idempotencyKey, order.bodyHash, order === short ? 400 : 300_000, 0, 0],
      ]),
    ],
  );
  expect(reply.filter((_, at) => at > 1 && (at - 2) % 6 === 0)).toEqual([1, 1]);

  await spawnService('workers/src/main.ts', 'WORKERS_PORT', {
    TICKET_REDIS_URL: server.url,
    DATABASE_URL: url,
  });
  await until(async () => (await takenOf(pool)) === 1 && (await redis.xlen(keys.outbox)) === 0);
  await until(async () => (await redis.hget(keys.offer(1), 'held')) === '1');
  await until(async () =>
    (await storedOrders(pool)).some(({ orderId, state }) => orderId === short.orderId && state === 'EXPIRED'),
  );
  const stored = new Map((await storedOrders(pool)).map((order) => [order.orderId, order]));
  expect(stored.get(short.orderId)).toMatchObject({ version: 2, state: 'EXPIRED' });
  expect(stored.get(long.orderId)).toMatchObject({ version: 1, state: 'RESERVED' });
  expect(await redis.zcard(keys.holds)).toBe(1);
  expect(await redis.pttl(keys.order(short.orderId))).toBeGreaterThan(0);
  expect(await redis.pttl(keys.order(long.orderId))).toBe(-1);
});
