import { emitOrderEvents } from '@ropeline/core/events/order-events.ts';
import type { OutboxEntry } from '@ropeline/core/jobs/outbox-entry.ts';
import { outboxQueueName } from '@ropeline/core/jobs/outbox-jobs.ts';
import { type StreamId, streamIdText } from '@ropeline/core/jobs/stream-id.ts';
import type { Pool, PoolClient } from '@ropeline/core/postgres/connect.ts';
import { addDeadLetters, type NewLetter } from '@ropeline/core/postgres/dead-letters.ts';
import { isRefusedForGood } from '@ropeline/core/postgres/sql-state.ts';
import { assertLife } from '@ropeline/core/postgres/stock-life.ts';
import { inSavepoint, inTransaction } from '@ropeline/core/postgres/transaction.ts';
import { highestVersions, isRelease, upsertOrders } from '@ropeline/core/postgres/upsert-orders.ts';
import { raiseWatermark } from '@ropeline/core/postgres/watermarks.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';

export type Chunk = {
  /** Of the stock that the entries were read from. */
  readonly epoch: string;
  readonly partition: number;
  /** In the stream's order; nothing between them is left out, and nothing before them is missing in Postgres. */
  readonly entries: readonly OutboxEntry[];
  readonly last: StreamId;
};

export type ChunkResult = {
  /** Rows that changed; fewer than orders when a version was known. */
  readonly rows: number;
  readonly letters: number;
  /** What Postgres said of orders that it refused, by order. */
  readonly refused: ReadonlyMap<string, string>;
  /** Orders of the chunk whose final version Postgres has. */
  readonly over: readonly OrderRecord[];
};

type Applied = {
  readonly rows: number;
  /** By order, what Postgres said. */
  readonly refused: ReadonlyMap<string, string>;
};

/**
 * Writes a chunk, the event of every entry and the watermark at its end, in one transaction: after it every entry is
 * either told and in `orders` (as it is or overtaken) or a dead letter that is tried again by itself. May be
 * repeated. Throws only when Postgres cannot do it now; then nothing has changed.
 */
export async function persistChunk(pool: Pool, chunk: Chunk): Promise<ChunkResult> {
  try {
    return await write(pool, chunk, allTogether);
  } catch (error) {
    if (!isRefusedForGood(error)) throw error;
    return write(pool, chunk, allButRefused);
  }
}

async function write(
  pool: Pool,
  { epoch, partition, entries, last }: Chunk,
  apply: (client: PoolClient, orders: readonly OrderRecord[]) => Promise<Applied>,
): Promise<ChunkResult> {
  const queue = outboxQueueName(partition);
  const versions = entries.flatMap((entry) => (entry.kind === 'order' ? [entry.order] : []));
  const orders = highestVersions(versions);
  const unreadable = entries.flatMap((entry) =>
    entry.kind === 'unreadable' ? [letterOf(entry, queue)] : [],
  );
  return inTransaction(pool, async (client) => {
    await assertLife(client, epoch);
    await raiseWatermark(client, partition, last);
    const { rows, refused } = await apply(client, orders);
    const letters = versions.flatMap((order) => {
      const error = refused.get(order.orderId);
      return error === undefined
        ? []
        : [{ queue, subject: subjectOf(order), payload: order, error, retried: true }];
    });
    await emitOrderEvents(
      client,
      versions.filter(({ orderId }) => !refused.has(orderId)),
    );
    await addDeadLetters(client, [...unreadable, ...letters]);
    const over = orders.filter((order) => isOver(order) && !refused.has(order.orderId));
    return { rows, letters: unreadable.length + letters.length, refused, over };
  });
}

async function allTogether(client: PoolClient, orders: readonly OrderRecord[]): Promise<Applied> {
  return { rows: await upsertOrders(client, orders), refused: new Map() };
}

/** Releases first, so that halving never parts a take from the release before it. */
function allButRefused(client: PoolClient, orders: readonly OrderRecord[]): Promise<Applied> {
  const releases = orders.filter(isRelease);
  const takes = orders.filter((order) => !isRelease(order));
  return halve(client, [...releases, ...takes]);
}

/** Finds the orders that Postgres refuses by halving; their neighbours are written. */
async function halve(client: PoolClient, orders: readonly OrderRecord[]): Promise<Applied> {
  try {
    return { rows: await inSavepoint(client, () => upsertOrders(client, orders)), refused: new Map() };
  } catch (error) {
    if (!isRefusedForGood(error)) throw error;
    const [order] = orders;
    if (order !== undefined && orders.length === 1)
      return { rows: 0, refused: new Map([[order.orderId, (error as Error).message]]) };
    const middle = Math.ceil(orders.length / 2);
    const left = await halve(client, orders.slice(0, middle));
    const right = await halve(client, orders.slice(middle));
    return { rows: left.rows + right.rows, refused: new Map([...left.refused, ...right.refused]) };
  }
}

/** Nothing follows this version by itself: Redis may forget the order. */
export const isOver = ({ state }: OrderRecord): boolean => state !== 'RESERVED' && state !== 'PAYING';

const subjectOf = ({ orderId, version }: OrderRecord): string => `${orderId}:${version}`;

function letterOf(entry: Extract<OutboxEntry, { kind: 'unreadable' }>, queue: string): NewLetter {
  return {
    queue,
    subject: streamIdText(entry.id),
    payload: entry.fields,
    error: 'the entry is not a whole order',
    retried: false,
  };
}
