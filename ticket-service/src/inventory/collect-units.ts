import type { Sharded } from '@ropeline/core/stock/shards.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { transferUnits } from '@ropeline/core/stock/transfers.ts';
import { free, type StockCounts } from '../offers/stock-counts.ts';
import { readShards, sumOf } from './refresh-stock.ts';

export type Collected = {
  /** Of all shards, before anything was moved. */
  readonly counts: StockCounts;
  /** The home shard had `wanted` units free at some moment. */
  readonly arrived: boolean;
};

/**
 * Moves units from the shards that have most to the home shard until that has `wanted` free: a share of what is there,
 * so that the next orders find some too. Undefined while the offer is not prepared.
 */
export async function collectUnits(
  stock: StockClient,
  offer: Sharded,
  home: number,
  wanted: number,
): Promise<Collected | undefined> {
  const shards = (await readShards(stock, [offer])).get(offer.id);
  if (shards === undefined) return undefined;
  const counts = sumOf(shards);
  const here = shards.find(({ partition }) => partition === home);
  let missing = wanted - (here === undefined ? 0 : free(here));
  if (free(counts) < wanted) return { counts, arrived: false };
  const richest = shards.filter((shard) => shard !== here).sort((a, b) => free(b) - free(a));
  for (const shard of richest) {
    if (missing <= 0) break;
    if (free(shard) === 0) continue;
    const most = Math.max(missing, Math.floor(free(shard) / shards.length));
    missing -= await transferUnits(stock, { offerId: offer.id, from: shard.partition, to: home, most });
  }
  return { counts, arrived: missing <= 0 };
}
