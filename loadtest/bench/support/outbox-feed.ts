import type { Redis } from '@ropeline/core/redis/connect.ts';
import { newOrderId } from '@ropeline/core/stock/order-id.ts';
import { type OrderRecord, orderFields } from '@ropeline/core/stock/order-record.ts';
import { stockKeys } from '@ropeline/core/stock/stock-keys.ts';

/** A reserved order of one unit of an offer, as the reserve script writes it. */
export function aReservedOrder(offerId: number, partition: number): OrderRecord {
  const now = Date.now();
  const orderId = newOrderId(partition);
  return {
    orderId,
    version: 1,
    state: 'RESERVED',
    offerId,
    memberId: `member-${orderId.slice(-12)}`,
    units: '1',
    quantity: 1,
    amountMinor: 50_000,
    currency: 'KRW',
    attempt: 0,
    entry: `${orderId}.1`,
    idempotencyKey: orderId,
    bodyHash: 'f'.repeat(43),
    holdUntil: now + 300_000,
    createdAt: now,
    updatedAt: now,
  };
}

/** Appends snapshots to a partition's outbox, some hundred a round trip. */
export async function appendToOutbox(
  redis: Redis,
  partition: number,
  orders: readonly OrderRecord[],
): Promise<void> {
  const { outbox } = stockKeys(partition);
  for (let at = 0; at < orders.length; at += 500) {
    const pipeline = redis.pipeline();
    for (const order of orders.slice(at, at + 500)) {
      pipeline.xadd(outbox, '*', ...orderFields.flatMap((field) => [field, String(order[field])]));
    }
    await pipeline.exec();
  }
}

/** Those of offer `partition + 1`, which is the one offer of each partition in the benchmarks. */
export function ofPartition(orders: readonly OrderRecord[], partition: number): readonly OrderRecord[] {
  return orders.filter(({ offerId }) => offerId === partition + 1);
}

/** Entries of all partitions that Postgres has not confirmed. */
export async function outboxLength(redis: Redis, partitions: number): Promise<number> {
  const lengths = await Promise.all(
    Array.from({ length: partitions }, (_, partition) => redis.xlen(stockKeys(partition).outbox)),
  );
  return lengths.reduce((sum, length) => sum + length, 0);
}
