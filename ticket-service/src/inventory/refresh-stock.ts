import { readStock } from '@ropeline/core/stock/scripts.ts';
import { partitionsOf, type Sharded } from '@ropeline/core/stock/shards.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import type { StockCounts } from '../offers/stock-counts.ts';
import { isSoldOut, type StockMemory } from './stock-memory.ts';

/** Most offers that one call reads: others must not wait long for Redis. */
const pageOffers = 500;

/** Of one shard; `members` is how many ever ordered there. */
export type ShardReading = StockCounts & { readonly partition: number; readonly members: number };

/**
 * Reads offers of the stock into the memory; those that Redis does not have in all their partitions are left out.
 * Throws 503 `not-ready` when the stock is another one, also where there is no offer to read.
 */
export async function refreshStock(
  stock: StockClient,
  memory: StockMemory,
  offers: readonly Sharded[],
): Promise<void> {
  const life = stock.epoch;
  const marks = offers.map(({ id }) => memory.mark(id));
  const readings = await readShards(stock, offers);
  if (offers.length === 0) await stock.call(readStock, [stock.keysOf(0).epoch]);
  for (const [at, offer] of offers.entries()) {
    const shards = readings.get(offer.id);
    const mark = marks[at];
    if (shards === undefined || mark === undefined) continue;
    const reading = sumOf(shards);
    if (!isSoldOut(reading)) {
      memory.learn(offer.id, reading);
      continue;
    }
    // In one life of the stock nobody leaves the members' hashes, so their size tells whether somebody is new.
    const known = memory.buyersOf(offer.id);
    const count = shards.reduce((sum, shard) => sum + shard.members, 0);
    const isComplete = known.life === life && known.members.size === count;
    const buyers = isComplete ? known : { life, members: await readBuyers(stock, offer.id, shards) };
    memory.learnSoldOut(offer.id, reading, buyers, mark);
  }
}

/** Of every offer all its shards, in their order; offers that are not prepared are left out. A call reads a page. */
export async function readShards(
  stock: StockClient,
  offers: readonly Sharded[],
): Promise<ReadonlyMap<number, readonly ShardReading[]>> {
  const places = offers.flatMap((offer) =>
    partitionsOf(offer, stock.partitions).map((partition) => ({ id: offer.id, partition })),
  );
  const byPartition = Map.groupBy(places, ({ partition }) => partition);
  const found = new Map<string, ShardReading>();
  await Promise.all(
    [...byPartition].map(async ([partition, group]) => {
      const keys = stock.keysOf(partition);
      for (let from = 0; from < group.length; from += pageOffers) {
        const page = group.slice(from, from + pageOffers);
        const reply = await stock.call(readStock, [
          keys.epoch,
          ...page.flatMap(({ id }) => [keys.offer(id), keys.members(id)]),
        ]);
        for (const [at, { id }] of page.entries()) {
          const [capacity = -1, held = 0, sold = 0, members = 0] = reply
            .slice(1 + at * 4, 5 + at * 4)
            .map(Number);
          if (capacity >= 0) found.set(`${id}:${partition}`, { partition, capacity, held, sold, members });
        }
      }
    }),
  );
  const readings = new Map<number, readonly ShardReading[]>();
  for (const offer of offers) {
    const shards = partitionsOf(offer, stock.partitions).map((at) => found.get(`${offer.id}:${at}`));
    if (shards.every((shard) => shard !== undefined)) readings.set(offer.id, shards);
  }
  return readings;
}

export function sumOf(shards: readonly StockCounts[]): StockCounts {
  return shards.reduce(
    (sum, { capacity, held, sold }) => ({
      capacity: sum.capacity + capacity,
      held: sum.held + held,
      sold: sum.sold + sold,
    }),
    { capacity: 0, held: 0, sold: 0 },
  );
}

async function readBuyers(
  stock: StockClient,
  offerId: number,
  shards: readonly ShardReading[],
): Promise<ReadonlySet<string>> {
  const members = await Promise.all(
    shards.map(({ partition }) => stock.redis.hkeys(stock.keysOf(partition).members(offerId))),
  );
  return new Set(members.flat());
}
