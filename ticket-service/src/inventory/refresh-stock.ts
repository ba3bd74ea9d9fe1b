import { readStock } from '@ropeline/core/stock/scripts.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { partitionOfOffer } from '@ropeline/core/stock/stock-keys.ts';
import type { StockMemory } from './stock-memory.ts';

/**
 * Reads offers of the stock into the memory, one call per partition. Offers that Redis does not have are left out.
 */
export async function refreshStock(
  stock: StockClient,
  memory: StockMemory,
  offerIds: readonly number[],
): Promise<void> {
  const byPartition = Map.groupBy(offerIds, (offerId) => partitionOfOffer(offerId, stock.partitions));
  await Promise.all(
    [...byPartition].map(([partition, ids]) => refreshPartition(stock, memory, partition, ids)),
  );
}

async function refreshPartition(
  stock: StockClient,
  memory: StockMemory,
  partition: number,
  offerIds: readonly number[],
): Promise<void> {
  const keys = stock.keysOf(partition);
  const marks = offerIds.map((offerId) => memory.mark(offerId));
  const reply = await stock.call(readStock, [
    keys.epoch,
    ...offerIds.flatMap((offerId) => [keys.offer(offerId), keys.members(offerId)]),
  ]);
  for (const [at, offerId] of offerIds.entries()) {
    const [capacity = -1, held = 0, sold = 0, members = 0] = reply.slice(1 + at * 4, 5 + at * 4).map(Number);
    const mark = marks[at];
    if (capacity < 0 || mark === undefined) continue;
    const reading = { capacity, held, sold };
    if (held > 0 || sold < capacity) {
      memory.learn(offerId, reading);
      continue;
    }
    // Who has ordered never leaves the members' hash, so its size tells whether somebody is new.
    const known = memory.buyersOf(offerId);
    const buyers = known.size === members ? known : new Set(await stock.redis.hkeys(keys.members(offerId)));
    memory.learnSoldOut(offerId, reading, buyers, mark);
  }
}
