import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { migratedDatabase } from '../../../testing/migrated-database.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { consumeEvents, type EventConsumer, eventLags } from '../../src/events/consume-events.ts';
import { emitOrderEvents } from '../../src/events/order-events.ts';
import { createLog } from '../../src/log.ts';
import { connectPostgres, type Pool, type PoolClient } from '../../src/postgres/connect.ts';
import { inTransaction } from '../../src/postgres/transaction.ts';
import { newOrderId } from '../../src/stock/order-id.ts';
import type { OrderRecord } from '../../src/stock/order-record.ts';

async function database(): Promise<Pool> {
  const url = await migratedDatabase();
  return cleanedUp(
    connectPostgres(url, { name: 'test', log: createLog('test', 'silent'), maxConnections: 20 }),
    (pool) => pool.end(),
  );
}

function order(overrides: Partial<OrderRecord> = {}): OrderRecord {
  const now = Date.now();
  return {
    ...{ orderId: newOrderId(0), version: 1, state: 'RESERVED', offerId: 1, memberId: 'm', units: '1' },
    ...{ quantity: 1, amountMinor: 100, currency: 'KRW', attempt: 0, entry: '', idempotencyKey: 'k' },
    ...{ bodyHash: 'h', holdUntil: now, createdAt: now, updatedAt: now },
    ...overrides,
  };
}

const emit = (pool: Pool, ...orders: readonly OrderRecord[]): Promise<void> =>
  inTransaction(pool, (client) => emitOrderEvents(client, orders));

/** Other databases of the same server share its transaction numbers: one that is open there delays these. */
async function consumeAll(pool: Pool, consumer: EventConsumer, events: number): Promise<void> {
  let seen = 0;
  await until(async () => {
    seen += await consumeEvents(pool, consumer, 2);
    return seen >= events;
  });
}

function collector(name = 'collector'): EventConsumer & { readonly seen: string[] } {
  const seen: string[] = [];
  return {
    name,
    seen,
    apply: async (_client, events) => {
      seen.push(...events.map(({ id }) => id));
    },
  };
}

it('an event carries what changed, under an id that a repeat has again', async () => {
  const pool = await database();
  const one = order({ updatedAt: 1_763_715_768_123 });
  await emit(pool, one, one);
  await emit(pool, one);
  const events: unknown[] = [];
  const consumer = {
    name: 'c',
    apply: async (_: unknown, batch: readonly unknown[]) => void events.push(...batch),
  };
  await consumeAll(pool, consumer, 1);
  const { idempotencyKey: _, bodyHash: __, ...data } = one;
  expect(events).toEqual([
    {
      id: `${one.orderId}:order:1`,
      type: 'order.reserved',
      schemaVersion: 1,
      correlationId: one.orderId,
      aggregate: 'order',
      version: 1,
      occurredAt: 1_763_715_768_123,
      data,
    },
  ]);
});

it('several versions in one call are each told with their own data, and a consumer of heads is given none', async () => {
  const pool = await database();
  const one = order({ memberId: `a "quoted" {member}, \\ and more` });
  const versions = [one, { ...one, version: 2, state: 'PAYING' as const }, order({ memberId: 'another' })];
  await emit(pool, ...versions);
  const seen: Record<'whole' | 'heads', Map<string, unknown>> = { whole: new Map(), heads: new Map() };
  const consumer = (name: 'whole' | 'heads'): EventConsumer => ({
    name,
    ...(name === 'heads' ? { headsOnly: true } : {}),
    apply: async (_client, events) => {
      for (const { id, data } of events) seen[name].set(id, data);
    },
  });
  await consumeAll(pool, consumer('whole'), 3);
  await consumeAll(pool, consumer('heads'), 3);
  const idOf = ({ orderId, version }: OrderRecord): string => `${orderId}:order:${version}`;
  for (const told of versions) {
    const { idempotencyKey: _, bodyHash: __, ...data } = told;
    expect(seen.whole.get(idOf(told))).toEqual(data);
    expect(seen.heads.get(idOf(told))).toEqual({});
  }
});

it('a transaction that began first and commits last is not passed over', async () => {
  const pool = await database();
  const [late, early] = [order(), order()];
  const consumer = collector();
  const { promise: mayCommit, resolve: commit } = Promise.withResolvers<void>();
  const { promise: written, resolve: hasWritten } = Promise.withResolvers<void>();
  const open = inTransaction(pool, async (client) => {
    await emitOrderEvents(client, [late]);
    hasWritten();
    await mayCommit;
  });
  await written;
  await emit(pool, early);
  expect(await consumeEvents(pool, consumer)).toBe(0);
  commit();
  await open;
  await consumeAll(pool, consumer, 2);
  expect(consumer.seen).toEqual([late, early].map(({ orderId }) => `${orderId}:order:1`));
});

it('every consumer has a cursor of its own, and says how far behind it is', async () => {
  const pool = await database();
  await emit(pool, order(), order(), order());
  const [quick, slow] = [collector('quick'), collector('slow')];
  await consumeAll(pool, quick, 3);
  await until(async () => (await consumeEvents(pool, slow, 2)) > 0);
  await pool.query(`update events set recorded_at = now() - interval '1 hour'`);
  expect(quick.seen).toHaveLength(3);
  const lags = Object.fromEntries((await eventLags(pool)).map((lag) => [lag.consumer, lag.lagSeconds]));
  expect(lags['quick']).toBe(0);
  expect(lags['slow']).toBeGreaterThan(3_500);
});

it('of many replicas, some of which fail in the middle, every event has its effect exactly once', async () => {
  const pool = await database();
  await pool.query('create table effects (id text)');
  const orders = 300;
  let writing = true;
  const writers = [0, 1, 2].map(async (writer) => {
    for (let at = writer; at < orders; at += 3) {
      // Some transactions stay open while others that began later commit.
      await inTransaction(pool, async (client) => {
        await emitOrderEvents(client, [order()]);
        for (let turns = 0; turns < (at * 7) % 5; turns += 1) await client.query('select 1');
      });
    }
  });
  let calls = 0;
  const apply = async (client: PoolClient, events: readonly { readonly id: string }[]): Promise<void> => {
    await client.query('insert into effects select * from unnest($1::text[])', [events.map(({ id }) => id)]);
    calls += 1;
    if (calls % 3 === 0) throw new Error('died in the middle');
  };
  const replicas = Array.from({ length: 4 }, async () => {
    for (let idle = 0; idle < 3 || writing; ) {
      const seen = await consumeEvents(pool, { name: 'effects', apply }, 7).catch(() => 1);
      idle = seen === 0 ? idle + 1 : 0;
      await turn();
    }
  });
  await Promise.all(writers);
  writing = false;
  await Promise.all(replicas);
  const counted = async () => {
    await consumeEvents(pool, { name: 'effects', apply }).catch(() => 1);
    const { rows } = await pool.query<{ all: number; distinct: number }>(
      'select count(*)::integer as all, count(distinct id)::integer as distinct from effects',
    );
    return rows[0];
  };
  await until(async () => ((await counted())?.distinct ?? 0) >= orders);
  expect(await counted()).toEqual({ all: orders, distinct: orders });
  expect(calls).toBeGreaterThan(orders / 7);
});
