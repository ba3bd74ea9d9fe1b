import { createLog } from '@ropeline/core/log.ts';
import { connectRedis, untilReady } from '@ropeline/core/redis/connect.ts';
import { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { expect, it } from 'vitest';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { prepareOfferStock } from '../../src/inventory/prepare-stock.ts';
import { readShards, refreshStock } from '../../src/inventory/refresh-stock.ts';
import { StockMemory } from '../../src/inventory/stock-memory.ts';

/** A stock of two partitions in its first life. */
async function openStock() {
  const server = cleanedUp(await startRedis(), (it) => it.stop());
  const redis = cleanedUp(
    connectRedis(server.url, { name: 'test', log: createLog('test', 'silent') }),
    (it) => it.disconnect(),
  );
  await untilReady(redis);
  const stock = new StockClient(redis, 2);
  const begin = async (life: string) => {
    for (const { epoch } of stock.keys) await redis.set(epoch, life);
    expect(await stock.reopen()).toBe(true);
  };
  await begin('one');
  return { redis, stock, begin };
}

it('who has ordered is read anew in another life of the stock, though as many have', async () => {
  const { redis, stock, begin } = await openStock();
  const offer = { id: 1, shards: 2 };
  const [first] = stock.keys;
  const soldTo = async (member: string) => {
    for (const keys of stock.keys) {
      await redis.del(keys.members(offer.id));
      await redis.hset(keys.offer(offer.id), { capacity: 1, held: 0, sold: 1 });
    }
    await redis.hset(first?.members(offer.id) ?? '', member, 2);
  };
  const memory = new StockMemory();
  await soldTo('ada');
  await refreshStock(stock, memory, [offer]);
  expect(memory.soldOutTo(1, 'ada')).toBeUndefined();
  expect(memory.soldOutTo(1, 'ben')).toEqual({ capacity: 2, held: 0, sold: 2 });
  await soldTo('ben');
  await begin('two');
  await refreshStock(stock, memory, [offer]);
  expect(memory.soldOutTo(1, 'ben')).toBeUndefined();
  expect(memory.soldOutTo(1, 'ada')).toEqual({ capacity: 2, held: 0, sold: 2 });
});

it('another life of the stock is noticed also where there is no offer to read', async () => {
  const { redis, stock } = await openStock();
  await refreshStock(stock, new StockMemory(), []);
  for (const { epoch } of stock.keys) await redis.del(epoch);
  await expect(refreshStock(stock, new StockMemory(), [])).rejects.toMatchObject({ code: 'not-ready' });
});

it('reads as many offers as there are, page by page', async () => {
  const { stock } = await openStock();
  const offers = Array.from({ length: 1_203 }, (_, at) => ({ id: at + 1, shards: at % 3 === 0 ? 2 : 1 }));
  for (const offer of offers) await prepareOfferStock(stock, offer, offer.id);
  const readings = await readShards(stock, [...offers, { id: 5_000, shards: 1 }]);
  const capacity = (id: number) => (readings.get(id) ?? []).reduce((sum, shard) => sum + shard.capacity, 0);
  expect(readings.size).toBe(offers.length);
  expect(offers.filter(({ id }) => capacity(id) !== id)).toEqual([]);
});
