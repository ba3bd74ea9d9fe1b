import { emitOrderEvents } from '@ropeline/core/events/order-events.ts';
import type { PoolClient } from '@ropeline/core/postgres/connect.ts';
import { partitionOfOrder } from '@ropeline/core/stock/order-id.ts';
import { type OrderRecord, orderFields } from '@ropeline/core/stock/order-record.ts';
import { partitionsOf, type Sharded, shareOf } from '@ropeline/core/stock/shards.ts';
import { partitionOfEntry, type StockKeys } from '@ropeline/core/stock/stock-keys.ts';
import { holderOfOrder } from '../entries/entry-guard.ts';
import { decodeOrderRow, type OrderRow, orderColumns, selectOrders } from '../orders/order-rows.ts';
import type { StockBuilder, Write } from './stock-builder.ts';

type Offer = Sharded & { readonly capacity: number };
type Taken = {
  readonly offer_id: number;
  readonly partition: number;
  readonly member_id: string;
  readonly held: string;
  readonly sold: string;
};

const pageRows = 1_000;
const keptMs = 86_400_000;

/**
 * Builds the stock anew from Postgres, in partitions that have no epoch yet, so that no script acts on half of it. Run
 * under the lock that only one service can hold; whoever dies in the middle, or loses the lock, is followed by one that
 * begins again.
 *
 * Units of RESERVED, PAYING and COMPLETED orders are taken; what the outbox had not brought to Postgres is void.
 * A RESERVED order whose hold has run out meanwhile expires as any other. An order whose money is to go back, or went
 * back, was cancelled though its cancellation was lost: it is cancelled here. Counters of the stock API are in Redis
 * only and begin anew.
 */
export async function rebuildStock(client: PoolClient, builder: StockBuilder): Promise<void> {
  for (const partition of builder.stock.keys.keys()) await empty(builder, partition);
  await client.query('delete from outbox_watermarks');
  // What Postgres refused is void with the rest of what had not reached it.
  await client.query('update dead_letters set next_try_at = null where redriven_at is null');
  const { rows: cancelled } = await client.query<OrderRow>(cancelRefunded);
  await emitOrderEvents(client, cancelled.map(decodeOrderRow));
  const { rows: offers } = await client.query<Offer>('select offer_id as id, capacity, shards from offers');
  await restoreCounts(client, builder, offers);
  await restoreNames(client, builder, offers);
  await restoreOrders(client, builder);
}

/** What survived of another life must not be mixed with this one; jobs only wake, and outboxes begin anew. */
async function empty(builder: StockBuilder, partition: number): Promise<void> {
  const { stock } = builder;
  const keys = stock.keysOf(partition);
  const prefix = keys.epoch.slice(0, -'epoch'.length);
  let cursor = '0';
  do {
    const [next, found] = await stock.redis.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', 1_000);
    const old = found.filter((key) => key !== keys.builder && !key.startsWith(`${prefix}jobs:`));
    await builder.write(
      partition,
      old.map((key): Write => ['UNLINK', key]),
    );
    cursor = next;
  } while (cursor !== '0');
}

async function restoreCounts(
  client: PoolClient,
  builder: StockBuilder,
  offers: readonly Offer[],
): Promise<void> {
  const { stock } = builder;
  const { rows } = await client.query<Taken>(takenByMember);
  const byOffer = Map.groupBy(rows, ({ offer_id }) => offer_id);
  for (const offer of offers) {
    const partitions = partitionsOf(offer, stock.partitions);
    const taken = byOffer.get(offer.id) ?? [];
    const sum = (of: readonly Taken[], what: 'held' | 'sold'): number =>
      of.reduce((total, row) => total + Number(row[what]), 0);
    const free = offer.capacity - sum(taken, 'held') - sum(taken, 'sold');
    for (const [at, partition] of partitions.entries()) {
      const here = taken.filter((row) => row.partition === partition);
      const [held, sold] = [sum(here, 'held'), sum(here, 'sold')];
      const capacity = held + sold + shareOf(free, partitions.length, at);
      const keys = stock.keysOf(partition);
      const members = here.flatMap(({ member_id, ...row }) => [
        member_id,
        Number(row.held) + Number(row.sold),
      ]);
      await builder.write(partition, [
        ['HSET', keys.offer(offer.id), 'capacity', capacity, 'held', held, 'sold', sold],
        ...pagesOf(members, 2 * pageRows).map((page): Write => ['HSET', keys.members(offer.id), ...page]),
      ]);
    }
  }
}

async function restoreNames(
  client: PoolClient,
  builder: StockBuilder,
  offers: readonly Offer[],
): Promise<void> {
  const { stock } = builder;
  for (const offer of offers) {
    const { rows } = await client.query<{ unit: string; order_id: string }>(
      'select unit, order_id from order_units where offer_id = $1',
      [offer.id],
    );
    const [partition = 0] = partitionsOf(offer, stock.partitions);
    const key = stock.keysOf(partition).units(offer.id);
    const names = rows.flatMap(({ unit, order_id }) => [unit, order_id]);
    await builder.write(
      partition,
      pagesOf(names, 2 * pageRows).map((page): Write => ['HSET', key, ...page]),
    );
  }
}

/** Orders that can still move, and of the last day what repeats of a request are told by. */
async function restoreOrders(client: PoolClient, builder: StockBuilder): Promise<void> {
  const { stock } = builder;
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const { rows } = await client.query<OrderRow>(
      `${selectOrders}
       where order_id > $1 and (state in ('RESERVED', 'PAYING') or created_at > now() - $2 * interval '1 ms')
       order by order_id limit $3`,
      [after, keptMs, pageRows],
    );
    const orders = rows.map(decodeOrderRow);
    // Written by who began the payment; the outbox that would have told it may be lost.
    await emitOrderEvents(
      client,
      orders.filter(({ state }) => state === 'PAYING'),
    );
    await Promise.all(
      [...Map.groupBy(orders, ({ orderId }) => partitionOfOrder(orderId) ?? 0)].map(([partition, group]) =>
        builder.write(
          partition,
          group.flatMap((order) => writesOf(stock.keysOf(partition), order)),
        ),
      ),
    );
    await bindEntries(builder, orders);
    const last = orders.at(-1);
    if (last === undefined || rows.length < pageRows) return;
    after = last.orderId;
  }
}

function writesOf(keys: StockKeys, order: OrderRecord): readonly Write[] {
  const { orderId, offerId, memberId, entry, idempotencyKey, bodyHash, state, quantity } = order;
  const isOpen = state === 'RESERVED' || state === 'PAYING';
  const entryUnits = keys.entryUnits(offerId, entry);
  const list: Write[] = [
    ['ZADD', keys.memberOrders(memberId), order.createdAt, orderId],
    ['PEXPIRE', keys.memberOrders(memberId), keptMs],
  ];
  if (isOpen) list.push(['HSET', keys.order(orderId), ...orderFields.flatMap((name) => [name, order[name]])]);
  if (state === 'RESERVED') list.push(['ZADD', keys.holds, order.holdUntil, orderId]);
  if (idempotencyKey !== '') {
    const key = keys.idempotency(offerId, memberId, idempotencyKey);
    list.push(['SET', key, `${orderId} ${bodyHash}`, 'PX', keptMs]);
  }
  if (entry !== '' && state !== 'CANCELLED' && state !== 'EXPIRED')
    list.push(['INCRBY', entryUnits, quantity], ['PEXPIRE', entryUnits, keptMs]);
  return list;
}

async function bindEntries(builder: StockBuilder, orders: readonly OrderRecord[]): Promise<void> {
  const { stock } = builder;
  const bound = orders.filter(({ entry }) => entry !== '');
  const byPartition = Map.groupBy(bound, ({ entry }) => partitionOfEntry(entry, stock.partitions));
  for (const [partition, group] of byPartition) {
    const { entry: keyOf } = stock.keysOf(partition);
    await builder.write(
      partition,
      group.map((order): Write => ['SET', keyOf(order.entry), holderOfOrder(order), 'PX', keptMs, 'NX']),
    );
  }
}

function pagesOf<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) =>
    all.slice(at * size, (at + 1) * size),
  );
}

/** Also of those who have nothing now: that they ordered is known for ever. An id's last byte is the partition. */
const takenByMember = `
  select offer_id, get_byte(uuid_send(order_id), 15) as partition, member_id,
    coalesce(sum(taken) filter (where state <> 'COMPLETED'), 0) as held,
    coalesce(sum(taken) filter (where state = 'COMPLETED'), 0) as sold
  from orders
  group by 1, 2, 3`;

const cancelRefunded = `
  update orders set state = 'CANCELLED', version = version + 1, updated_at = now()
  where state in ('PAYING', 'COMPLETED') and exists (
    select from payments where payments.order_id = orders.order_id and payments.attempt = orders.attempt
      and payments.state in ('refund-due', 'refunded'))
  returning ${orderColumns}`;
