import { createLog } from '@ropeline/core/log.ts';
import { connectPostgres } from '@ropeline/core/postgres/connect.ts';
import { connectRedis, connectRedisForWaiting, untilReady } from '@ropeline/core/redis/connect.ts';
import { sendUnits } from '@ropeline/core/stock/scripts.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { finishTransfers } from '@ropeline/core/stock/transfers.ts';
import { expect, it } from 'vitest';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { migratedDatabase } from '../../../testing/migrated-database.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { Inventory } from '../../src/inventory/inventory.ts';
import { prepareOfferStock } from '../../src/inventory/prepare-stock.ts';
import { readShards, sumOf } from '../../src/inventory/refresh-stock.ts';
import { StockGate } from '../../src/inventory/stock-gate.ts';

const log = createLog('test', 'error');
const offer = { id: 1, shards: 4 };

/** Several services in front of one stock of four partitions, with an offer spread over all of them. */
async function openStock(capacity: number, services = 2) {
  const server = cleanedUp(await startRedis(), (it) => it.stop());
  const postgres = cleanedUp(connectPostgres(await migratedDatabase(), { name: 'test', log }), (it) =>
    it.end(),
  );
  const stocks: StockClient[] = [];
  const inventories: Inventory[] = [];
  for (let service = 0; service < services; service += 1) {
    const redis = cleanedUp(connectRedis(server.url, { name: 'test', log }), (it) => it.disconnect());
    const subscriber = cleanedUp(connectRedisForWaiting(server.url, { name: 'test', log }), (it) =>
      it.disconnect(),
    );
    await Promise.all([untilReady(redis), untilReady(subscriber)]);
    const prepare = (stock: StockClient) => prepareOfferStock(stock, offer, capacity);
    const gate = new StockGate({ redis, postgres, log, relaxed: true, prepare });
    await cleanedUp(gate, (it) => it.stop()).start();
    const inventory = new Inventory({ gate, subscriber, log, offers: () => [offer] });
    await cleanedUp(inventory, (it) => it.stop()).start();
    inventories.push(inventory);
    stocks.push(gate.stock);
  }
  const [stock] = stocks as [StockClient];
  const counts = async () => sumOf((await readShards(stock, [offer])).get(offer.id) ?? []);
  return { stock, inventories, counts };
}

const wish = (memberId: string, quantity = 1) => ({
  offer,
  memberId,
  quantity,
  units: String(quantity),
  amountMinor: 100,
  currency: 'KRW',
  entry: '',
  idempotencyKey: '',
  bodyHash: 'b',
  holdMs: 60_000,
  memberLimit: 0,
  entryLimit: 0,
});

it('sells every piece of a sharded pool and not one more, whoever asks where', async () => {
  const { inventories, counts } = await openStock(103);
  const answers = await Promise.all(
    Array.from({ length: 400 }, (_, n) => inventories[n % 2]?.reserve(wish(`member${n}`))),
  );
  const kinds = answers.map((answer) => answer?.kind);
  expect(kinds.filter((kind) => kind === 'taken')).toHaveLength(103);
  expect(kinds.filter((kind) => kind === 'all-held')).toHaveLength(297);
  expect(await counts()).toEqual({ capacity: 103, held: 103, sold: 0 });
});

it('gathers units from all shards for an order that no shard could serve', async () => {
  const { inventories, counts } = await openStock(8);
  expect((await inventories[0]?.reserve(wish('a', 7)))?.kind).toBe('taken');
  expect(await inventories[0]?.reserve(wish('b', 2))).toMatchObject({ kind: 'all-held', available: 1 });
  expect((await inventories[1]?.reserve(wish('c', 1)))?.kind).toBe('taken');
  expect(await counts()).toEqual({ capacity: 8, held: 8, sold: 0 });
});

it('loses no unit when a transfer is cut short after its first step', async () => {
  const { stock, inventories, counts } = await openStock(4);
  const [from, to] = [0, 1];
  const keys = stock.keysOf(from);
  const reply = await stock.call(sendUnits, [keys.epoch, keys.offer(1), keys.transfers], ['t1', 1, 1, to]);
  expect(reply).toEqual([1, 1]);
  expect(await counts()).toEqual({ capacity: 4, held: 1, sold: 0 });
  expect(await inventories[0]?.reserve(wish('a', 4))).toMatchObject({ kind: 'all-held', available: 3 });
  expect(await Promise.all([finishTransfers(stock, from, 0), finishTransfers(stock, from, 0)])).toContain(1);
  expect(await counts()).toEqual({ capacity: 4, held: 0, sold: 0 });
  expect((await inventories[0]?.reserve(wish('a', 4)))?.kind).toBe('taken');
});

it('grows and shrinks as one offer, never below what is held', async () => {
  const { inventories, counts } = await openStock(8);
  const [inventory] = inventories;
  expect((await inventory?.changeCapacity(offer, 20))?.kind).toBe('changed');
  expect((await inventory?.reserve(wish('a', 15)))?.kind).toBe('taken');
  expect(await inventory?.changeCapacity(offer, 14)).toMatchObject({ kind: 'too-low' });
  expect((await inventory?.changeCapacity(offer, 15))?.kind).toBe('changed');
  expect(await counts()).toEqual({ capacity: 15, held: 15, sold: 0 });
});
