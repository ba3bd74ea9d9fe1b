import type { Redis } from '../redis/connect.ts';

/** Most partitions: an order's id carries its partition in its last byte. */
export const maxPartitions = 256;
export const defaultPartitions = 4;

const partitionsKey = 'ropeline:stock:partitions';

/** Fixes the number of stock partitions for the life of the data set; returns the number that was fixed first. */
export async function fixPartitions(redis: Redis, wanted = defaultPartitions): Promise<number> {
  await redis.set(partitionsKey, String(wanted), 'NX');
  return (await readPartitions(redis)) ?? wanted;
}

/** The number of stock partitions; undefined before the ticket service has started for the first time. */
export async function readPartitions(redis: Redis): Promise<number | undefined> {
  const text = await redis.get(partitionsKey);
  if (text === null) return undefined;
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > maxPartitions) {
    throw new Error(`${partitionsKey} says ${JSON.stringify(text)}, not a number of partitions`);
  }
  return count;
}

/** Which of `count` partitions a name belongs to: offers by id, entries by `jti`. FNV-1a, 32 bits. */
export function partitionOf(name: string | number, count: number): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(String(name))) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % count;
}
