import { randomUUID } from 'node:crypto';
import { receiveUnits, sendUnits, settleTransfer } from './scripts.ts';
import type { StockClient } from './stock-client.ts';

/**
 * Moves free units of a sharded offer from one partition to another, in three steps that may each be repeated: sent
 * (held where they were), received (free where they are wanted), settled (gone where they were). Whoever dies between
 * them leaves a record, and {@link finishTransfers} goes on.
 */
type Transfer = {
  readonly id: string;
  readonly offerId: number;
  readonly units: number;
  readonly from: number;
  readonly to: number;
};

/** No transfer is repeated this long after it was sent. */
const receivedKeepMs = 86_400_000;

/** Moves at most `most` units; how many, 0 when none was free. Throws when the outcome is unknown. */
export async function transferUnits(
  stock: StockClient,
  { offerId, from, to, most }: { offerId: number; from: number; to: number; most: number },
): Promise<number> {
  const id = randomUUID();
  const { epoch, offer, transfers } = stock.keysOf(from);
  const [code, units] = await stock.call(
    sendUnits,
    [epoch, offer(offerId), transfers],
    [id, offerId, most, to],
  );
  if (code !== 1 && code !== 2) return 0;
  await finish(stock, { id, offerId, units: Number(units), from, to });
  return Number(units);
}

/** Finishes what was sent from a partition more than `olderThanMs` ago; how many transfers. `now` in Unix ms. */
export async function finishTransfers(
  stock: StockClient,
  partition: number,
  olderThanMs: number,
  now = Date.now(),
): Promise<number> {
  const sent = await stock.redis.hgetall(stock.keysOf(partition).transfers);
  let finished = 0;
  for (const [id, text] of Object.entries(sent)) {
    const [offerId = 0, units = 0, to = 0, at = 0] = text.split(' ').map(Number);
    if (now - at < olderThanMs) continue;
    await finish(stock, { id, offerId, units, from: partition, to });
    finished += 1;
  }
  return finished;
}

async function finish(stock: StockClient, { id, offerId, units, from, to }: Transfer): Promise<void> {
  const there = stock.keysOf(to);
  const [code] = await stock.call(
    receiveUnits,
    [there.epoch, there.offer(offerId), there.received],
    [id, units, receivedKeepMs],
  );
  if (code === 5) throw new Error(`partition ${to} has no shard of offer ${offerId}`);
  const here = stock.keysOf(from);
  await stock.call(settleTransfer, [here.epoch, here.offer(offerId), here.transfers], [id]);
}
