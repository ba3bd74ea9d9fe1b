import { decodeOutboxEntry, type OutboxEntry } from '@ropeline/core/jobs/outbox-entry.ts';
import { type OutboxRangeJob, rangeCorrelationId } from '@ropeline/core/jobs/outbox-jobs.ts';
import {
  after,
  compareStreamIds,
  parseStreamId,
  type StreamId,
  streamIdText,
} from '@ropeline/core/jobs/stream-id.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { readWatermark } from '@ropeline/core/postgres/watermarks.ts';
import { forgetPersisted } from '@ropeline/core/stock/holds.ts';
import { trimRange } from '@ropeline/core/stock/outbox.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import type { WorkersMetrics } from '../metrics.ts';
import { persistChunk } from '../outbox/persist-chunk.ts';

type Deps = {
  readonly stock: StockClient;
  readonly pool: Pool;
  readonly metrics: WorkersMetrics;
  readonly log: Logger;
  /** Most entries in one transaction. */
  readonly chunkEntries: number;
};

/**
 * Persists a range and everything before it that is not in Postgres yet, in the stream's order; then lets Redis
 * forget the orders that are over, and last drops the entries. So an entry leaves the stream only when all that
 * follows from it is done, and a process that dies in between does it again. Throws when Postgres or Redis cannot
 * do it now; the job is then tried again.
 */
export async function persistRange(deps: Deps, range: OutboxRangeJob): Promise<void> {
  const { stock, pool, metrics, log, chunkEntries } = deps;
  const { partition } = range;
  const ofRange = rangeCorrelationId(range);
  const last = parseStreamId(range.last);
  let from = earlier(parseStreamId(range.first), after(await readWatermark(pool, partition)));
  const { epoch } = stock;
  for (;;) {
    const entries = await readEntries(stock, partition, from, last, chunkEntries);
    const end = entries.at(-1)?.id;
    if (end === undefined) break;
    const timed = metrics.chunkSeconds.startTimer();
    const { rows, letters, refused, over } = await persistChunk(pool, {
      epoch,
      partition,
      entries,
      last: end,
    });
    timed();
    metrics.rows.inc(rows);
    metrics.refused.inc(letters);
    for (const [correlationId, error] of refused)
      log.warn({ correlationId, range: ofRange, error }, 'order refused by Postgres: a dead letter');
    log.debug({ correlationId: ofRange, entries: entries.length, rows, letters }, 'range persisted');
    await forgetPersisted(stock, partition, over);
    from = after(end);
    if (entries.length < chunkEntries) break;
  }
  await trimRange(stock, range);
}

async function readEntries(
  stock: StockClient,
  partition: number,
  from: StreamId,
  to: StreamId,
  most: number,
): Promise<readonly OutboxEntry[]> {
  const { outbox } = stock.keysOf(partition);
  const raw = await stock.redis.xrange(outbox, streamIdText(from), streamIdText(to), 'COUNT', most);
  return raw.map(([id, fields]) => decodeOutboxEntry(id, fields));
}

const earlier = (a: StreamId, b: StreamId): StreamId => (compareStreamIds(a, b) < 0 ? a : b);
