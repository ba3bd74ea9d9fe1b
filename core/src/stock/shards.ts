import { partitionOf } from './partitions.ts';
import { partitionOfOffer } from './stock-keys.ts';

/** An offer as its units are spread: over as many partitions as it has shards, at most all there are. */
export type Sharded = { readonly id: number; readonly shards: number };

/** The partitions of an offer's shards, each once; the first is that of an offer without shards. */
export function partitionsOf({ id, shards }: Sharded, count: number): readonly number[] {
  const first = partitionOfOffer(id, count);
  return Array.from({ length: Math.min(shards, count) }, (_, at) => (first + at) % count);
}

/** Where a member's orders of the offer, limits and keys live. */
export function homeOf(offer: Sharded, memberId: string, count: number): number {
  const partitions = partitionsOf(offer, count);
  return partitions[partitionOf(`member:${memberId}`, partitions.length)] ?? 0;
}

/** The units that a shard begins with: as even as whole numbers can be. */
export function shareOf(capacity: number, shards: number, at: number): number {
  return Math.floor(capacity / shards) + (at < capacity % shards ? 1 : 0);
}
