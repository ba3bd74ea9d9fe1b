import { AppError } from '@ropeline/core/errors.ts';
import { changeCapacity } from '@ropeline/core/stock/scripts.ts';
import type { Sharded } from '@ropeline/core/stock/shards.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { releasedChannel } from '@ropeline/core/stock/stock-keys.ts';
import { free, type StockCounts } from '../offers/stock-counts.ts';
import { readShards, sumOf } from './refresh-stock.ts';

export type CapacityChange =
  | { readonly kind: 'changed'; readonly stock: StockCounts }
  /** Below what is held and sold: nothing changed, or what was free elsewhere is gone already. */
  | { readonly kind: 'too-low'; readonly stock: StockCounts }
  | { readonly kind: 'unknown-offer' };

const mostTries = 5;

/**
 * Changes how many units an offer has: more go to the shard that has least free, fewer come from those that have most.
 * Each shard is changed by the script that refuses to go below what it holds and has sold; others may sell meanwhile,
 * so it is tried anew with what is there then.
 */
export async function changeOfferCapacity(
  stock: StockClient,
  offer: Sharded,
  capacity: number,
): Promise<CapacityChange> {
  for (let tries = 1; ; tries += 1) {
    const shards = (await readShards(stock, [offer])).get(offer.id);
    if (shards === undefined) return { kind: 'unknown-offer' };
    const before = sumOf(shards);
    const more = capacity - before.capacity;
    if (more === 0) return { kind: 'changed', stock: before };
    if (capacity < before.held + before.sold || tries > mostTries) return { kind: 'too-low', stock: before };
    const byFree = [...shards].sort((a, b) => free(b) - free(a));
    const [shard] = more > 0 ? byFree.reverse() : byFree;
    if (shard === undefined) return { kind: 'unknown-offer' };
    const step = more > 0 ? more : -Math.min(-more, free(shard));
    const keys = stock.keysOf(shard.partition);
    const [code] = await stock.call(
      changeCapacity,
      [keys.epoch, keys.offer(offer.id)],
      [offer.id, step, releasedChannel],
    );
    if (code === 3) throw new AppError('bad-request', { detail: 'The capacity is not a whole number' });
    if (code === 5) return { kind: 'unknown-offer' };
    // A step that was made is not a try that failed.
    if (code === 1) tries = 0;
  }
}
