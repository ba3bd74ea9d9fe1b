import { startRedis } from '../../../scripts/services/redis-server.ts';
import { createLog } from '../../src/log.ts';
import { connectRedis, type Redis, untilReady } from '../../src/redis/connect.ts';
import { newOrderId } from '../../src/stock/order-id.ts';
import { fixPartitions } from '../../src/stock/partitions.ts';
import { prepareOffer, type Reply, reserveUnits } from '../../src/stock/scripts.ts';
import { StockClient } from '../../src/stock/stock-client.ts';
import type { StockKeys } from '../../src/stock/stock-keys.ts';

const log = createLog('test', 'error');

export type TestStock = {
  readonly stock: StockClient;
  readonly keys: StockKeys;
  readonly redis: Redis;
  /** Another client of the same stock, on a connection of its own. */
  readonly another: () => Promise<StockClient>;
  readonly stop: () => Promise<void>;
};

/** An open stock of one partition, on a Redis of its own. */
export async function startStock(): Promise<TestStock> {
  const server = await startRedis();
  const clients: Redis[] = [];
  const connect = async (): Promise<Redis> => {
    const redis = connectRedis(server.url, { name: 'test', log });
    clients.push(redis);
    await untilReady(redis);
    return redis;
  };
  const redis = await connect();
  await fixPartitions(redis, 1);
  await redis.set('ropeline:{stock:0}:epoch', 'e1');
  const open = async (client: Redis): Promise<StockClient> => {
    const stock = await StockClient.open(client);
    if (stock === undefined) throw new Error('the stock is not open');
    return stock;
  };
  const stock = await open(redis);
  return {
    stock,
    redis,
    keys: stock.keysOf(0),
    another: async () => open(await connect()),
    stop: async () => {
      for (const client of clients) client.disconnect();
      await server.stop();
    },
  };
}

export type Item = {
  readonly orderId?: string;
  readonly offerId?: number;
  readonly memberId?: string;
  readonly quantity?: string | number;
  readonly amountMinor?: string | number;
  readonly entry?: string;
  readonly key?: string;
  /** Names in a comma list; absent = the quantity. */
  readonly units?: string;
  readonly bodyHash?: string;
  readonly holdMs?: number;
  readonly memberLimit?: number;
  readonly entryLimit?: number;
};

export type ItemReply = {
  readonly code: number;
  readonly orderId: string;
  readonly holdUntil: number;
  readonly capacity: number;
  readonly held: number;
  readonly sold: number;
};

export async function reserve(
  stock: StockClient,
  items: readonly Item[],
  outboxLimit = 200_000,
): Promise<readonly ItemReply[]> {
  const keys = stock.keysOf(0);
  const full = items.map((item) => ({
    ...{
      orderId: newOrderId(0),
      offerId: 1,
      memberId: 'm1',
      quantity: 1,
      amountMinor: 100,
      entry: '',
      key: '',
    },
    ...{ bodyHash: 'b', holdMs: 600_000, memberLimit: 0, entryLimit: 0 },
    ...item,
  }));
  const reply = await stock.call(
    reserveUnits,
    [
      ...[keys.epoch, keys.holds, keys.outbox],
      ...full.flatMap(({ offerId, memberId, entry, key, orderId }) => [
        ...[keys.offer(offerId), keys.units(offerId), keys.members(offerId), keys.entryUnits(offerId, entry)],
        ...[keys.idempotency(offerId, memberId, key), keys.memberOrders(memberId), keys.order(orderId)],
      ]),
    ],
    [
      ...[outboxLimit, 86_400_000],
      ...full.flatMap((item) => [
        ...[item.orderId, item.offerId, item.memberId, item.quantity, item.units ?? item.quantity],
        ...[
          item.amountMinor,
          'KRW',
          item.entry,
          item.key,
          item.bodyHash,
          item.holdMs,
          item.memberLimit,
          item.entryLimit,
        ],
      ]),
    ],
  );
  return full.map((_, at) => decodeItem(reply.slice(2 + at * 6, 8 + at * 6)));
}

function decodeItem([code, orderId, holdUntil, capacity, held, sold]: Reply): ItemReply {
  return {
    code: Number(code),
    orderId: String(orderId),
    holdUntil: Number(holdUntil),
    capacity: Number(capacity),
    held: Number(held),
    sold: Number(sold),
  };
}

/** One item that must be taken; its order id. */
export async function taken(stock: StockClient, item: Item = {}): Promise<string> {
  const [reply] = await reserve(stock, [item]);
  if (reply?.code !== 1) throw new Error(`not taken: ${JSON.stringify(reply)}`);
  return reply.orderId;
}

export async function prepare(stock: StockClient, offerId: number, capacity: number): Promise<void> {
  const keys = stock.keysOf(0);
  await stock.call(prepareOffer, [keys.epoch, keys.offer(offerId)], [capacity]);
}

export async function counts(stock: StockClient, offerId = 1): Promise<readonly number[]> {
  const values = await stock.redis.hmget(stock.keysOf(0).offer(offerId), 'capacity', 'held', 'sold');
  return values.map(Number);
}

/** Everything that Redis holds, as text: equal before and after what must change nothing. */
export async function fingerprint(redis: Redis): Promise<string> {
  const names = (await redis.keys('*')).sort();
  const parts = await Promise.all(
    names.map(async (name) => `${name} ${(await redis.dumpBuffer(name))?.toString('hex')}`),
  );
  return parts.join('\n');
}

/** The same numbers for the same seed: mulberry32 (Tommy Ettinger, public domain). */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
