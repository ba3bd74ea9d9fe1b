import { type OrderRecord, orderFields } from '../../src/stock/order-record.ts';
import { decodeOrder } from '../../src/stock/outbox.ts';
import {
  beginPayment,
  cancelOrder,
  completeOrder,
  expireOrders,
  releasePayment,
} from '../../src/stock/scripts.ts';
import type { StockClient } from '../../src/stock/stock-client.ts';
import { releasedChannel } from '../../src/stock/stock-keys.ts';

/** The scripts that move orders of partition 0; each answers its code. */
export async function begin(stock: StockClient, orderId: string): Promise<number> {
  const keys = stock.keysOf(0);
  return Number(
    (await stock.call(beginPayment, [keys.epoch, keys.holds, keys.outbox, keys.order(orderId)]))[0],
  );
}

export async function release(
  stock: StockClient,
  orderId: string,
  attempt: number,
  graceMs = 60_000,
): Promise<number> {
  const keys = stock.keysOf(0);
  const places = [keys.epoch, keys.holds, keys.outbox, keys.order(orderId)];
  return Number((await stock.call(releasePayment, places, [attempt, graceMs]))[0]);
}

export async function complete(
  stock: StockClient,
  orderId: string,
  attempt: number,
  offerId = 1,
): Promise<number> {
  const keys = stock.keysOf(0);
  const places = [keys.epoch, keys.outbox, keys.offer(offerId), keys.order(orderId)];
  return Number((await stock.call(completeOrder, places, [attempt]))[0]);
}

/** `attempt` 0: by wish. */
export async function cancel(
  stock: StockClient,
  orderId: string,
  attempt = 0,
  { offerId = 1, entry = '' } = {},
): Promise<number> {
  const keys = stock.keysOf(0);
  const places = [
    ...[keys.epoch, keys.holds, keys.outbox, keys.offer(offerId), keys.units(offerId)],
    ...[keys.members(offerId), keys.entryUnits(offerId, entry), keys.order(orderId)],
  ];
  return Number((await stock.call(cancelOrder, places, [attempt, releasedChannel]))[0]);
}

export async function expire(
  stock: StockClient,
  orderId: string,
  { offerId = 1, entry = '' } = {},
): Promise<number> {
  const keys = stock.keysOf(0);
  const places = [
    ...[keys.epoch, keys.holds, keys.outbox],
    ...[keys.offer(offerId), keys.units(offerId), keys.members(offerId)],
    ...[keys.entryUnits(offerId, entry), keys.order(orderId)],
  ];
  return Number((await stock.call(expireOrders, places, [releasedChannel, orderId]))[1]);
}

export async function readOrder(stock: StockClient, orderId: string): Promise<OrderRecord | undefined> {
  const values = await stock.redis.hmget(stock.keysOf(0).order(orderId), ...orderFields);
  return decodeOrder(Object.fromEntries(orderFields.map((name, at) => [name, values[at] ?? undefined])));
}

/** The outbox in its order. */
export async function readOutbox(stock: StockClient): Promise<readonly OrderRecord[]> {
  const entries = await stock.redis.xrange(stock.keysOf(0).outbox, '-', '+');
  return entries.map(([id, flat]) => {
    const fields: Record<string, string> = {};
    for (let at = 0; at < flat.length; at += 2) fields[flat[at] as string] = flat[at + 1] as string;
    const order = decodeOrder(fields);
    if (order === undefined) throw new Error(`entry ${id} is not an order`);
    return order;
  });
}
