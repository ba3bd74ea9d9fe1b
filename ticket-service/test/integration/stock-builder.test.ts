import { createLog } from '@ropeline/core/log.ts';
import { connectRedis, untilReady } from '@ropeline/core/redis/connect.ts';
import { fixPartitions } from '@ropeline/core/stock/partitions.ts';
import { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { expect, it } from 'vitest';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { StockBuilder } from '../../src/inventory/stock-builder.ts';

async function lostStock(): Promise<StockClient> {
  const server = cleanedUp(await startRedis(), (it) => it.stop());
  const redis = cleanedUp(
    connectRedis(server.url, { name: 'test', log: createLog('test', 'silent') }),
    (it) => it.disconnect(),
  );
  await untilReady(redis);
  return new StockClient(redis, await fixPartitions(redis, 2));
}

const byAnother = 'the stock is built by somebody else';

it('a builder that lost its lock without knowing writes nothing over what others have built and sold', async () => {
  const stock = await lostStock();
  const keys = stock.keysOf(1);
  const lost = await stock.epochs();
  const frozen = await StockBuilder.begin(stock, lost);
  await frozen.write(1, [['HSET', keys.offer(1), 'capacity', 5, 'held', 0, 'sold', 0]]);

  const next = await StockBuilder.begin(stock, lost);
  await expect(frozen.write(1, [['UNLINK', keys.offer(1)]])).rejects.toThrow(byAnother);
  await next.write(1, [
    ['HSET', keys.offer(1), 'capacity', 5, 'held', 1, 'sold', 3],
    ['ZADD', keys.holds, 7, 'an order'],
    ['SET', keys.entry('jti'), 'a holder', 'PX', 60_000, 'NX'],
    ['INCRBY', keys.entryUnits(1, 'jti'), 2],
  ]);
  await expect(frozen.open('the frozen one')).rejects.toThrow(byAnother);
  await next.open('e2');
  // It sells: the last of five.
  await stock.redis.hincrby(keys.offer(1), 'sold', 1);
  for (const late of [frozen, next])
    await expect(late.write(1, [['HSET', keys.offer(1), 'sold', 0]])).rejects.toThrow(byAnother);
  await expect(StockBuilder.begin(stock, lost)).rejects.toThrow(byAnother);
  expect(await stock.epochs()).toEqual(['e2', 'e2']);
  expect(await stock.redis.hgetall(keys.offer(1))).toEqual({ capacity: '5', held: '1', sold: '4' });
  expect(await stock.redis.zscore(keys.holds, 'an order')).toBe('7');
  expect(await stock.redis.pttl(keys.entry('jti'))).toBeGreaterThan(0);
});

it('of builders at once at most one comes to its end, and what is open is all its own', async () => {
  const stock = await lostStock();
  const lost = await stock.epochs();
  const build = async (epoch: string): Promise<void> => {
    const builder = await StockBuilder.begin(stock, lost);
    for (const [partition, keys] of stock.keys.entries())
      await builder.write(partition, [['HSET', keys.offer(1), 'capacity', epoch]]);
    await builder.open(epoch);
  };
  const built = await Promise.allSettled(['a', 'b', 'c', 'd'].map(build));
  const done = built.filter(({ status }) => status === 'fulfilled').length;
  expect(done).toBeLessThanOrEqual(1);
  const epochs = await stock.epochs();
  // Each may have taken a partition from another: then nothing is open, and they come again.
  const [epoch = null] = done === 1 ? epochs : [];
  expect(epochs).toEqual([epoch, epoch]);
  if (epoch === null) return;
  const written = await Promise.all(stock.keys.map((keys) => stock.redis.hget(keys.offer(1), 'capacity')));
  expect(written).toEqual([epoch, epoch]);
});

it('what many have bought is written in calls that can be made, in the order given', async () => {
  const stock = await lostStock();
  const { members, offer } = stock.keysOf(1);
  const builder = await StockBuilder.begin(stock, await stock.epochs());
  const pages = Array.from({ length: 100 }, (_, page) =>
    Array.from({ length: 1_000 }, (_member, at) => [`m${page}-${at}`, 1]).flat(),
  );
  await builder.write(1, [
    ['HSET', offer(1), 'sold', 0],
    ...pages.map((page) => ['HSET', members(1), ...page] as const),
    ['HSET', offer(1), 'sold', 100_000],
  ]);
  expect(await stock.redis.hlen(members(1))).toBe(100_000);
  expect(await stock.redis.hget(offer(1), 'sold')).toBe('100000');
  await builder.write(1, []);
});
