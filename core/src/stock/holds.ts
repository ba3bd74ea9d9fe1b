import { expireOrders, forgetOrders } from './scripts.ts';
import type { StockClient } from './stock-client.ts';
import { releasedChannel, type StockKeys } from './stock-keys.ts';

/**
 * Expires holds of a partition that ran out, oldest first, at most `most`. Returns how many orders it expired; any
 * number of workers may do so at once.
 */
export async function expireDue(stock: StockClient, partition: number, most: number): Promise<number> {
  const keys = stock.keysOf(partition);
  const due = await stock.redis.zrangebyscore(keys.holds, 0, await stock.timeMs(), 'LIMIT', 0, most);
  if (due.length === 0) return 0;
  // Offer and entry of an order never change: reading them before the script is safe.
  const owners = await Promise.all(
    due.map((orderId) => stock.redis.hmget(keys.order(orderId), 'offerId', 'entry')),
  );
  const reply = await stock.call(
    expireOrders,
    [
      keys.epoch,
      keys.holds,
      keys.outbox,
      ...due.flatMap((orderId, at) => {
        const [offerId, entry] = owners[at] ?? [];
        return orderScopedKeys(keys, orderId, Number(offerId ?? 0), entry ?? '');
      }),
    ],
    [releasedChannel, ...due],
  );
  return reply.slice(1).filter((code) => code === 1).length;
}

/** How long Redis still keeps an order whose final version is in Postgres; what hangs for longer may not find it. */
export const orderLingerMs = 60_000;

/** Lets orders go after `lingerMs` whose final version (as given) is in Postgres. Returns how many will go. */
export async function forgetPersisted(
  stock: StockClient,
  partition: number,
  orders: readonly { readonly orderId: string; readonly version: number }[],
  lingerMs = orderLingerMs,
): Promise<number> {
  if (orders.length === 0) return 0;
  const keys = stock.keysOf(partition);
  const reply = await stock.call(
    forgetOrders,
    [keys.epoch, ...orders.map(({ orderId }) => keys.order(orderId))],
    [lingerMs, ...orders.map(({ version }) => version)],
  );
  return Number(reply[1]);
}

/** The keys that giving an order's units back touches, in the scripts' order. */
function orderScopedKeys(
  keys: StockKeys,
  orderId: string,
  offerId: number,
  entry: string,
): readonly string[] {
  const { offer, units, members, entryUnits, order } = keys;
  return [offer(offerId), units(offerId), members(offerId), entryUnits(offerId, entry), order(orderId)];
}
