import {
  jobsPrefix,
  OutboxRangeJob,
  outboxQueueName,
  outboxRetryDelayMs,
  rangeCorrelationId,
} from '@ropeline/core/jobs/outbox-jobs.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { Queue, UnrecoverableError, Worker } from 'bullmq';
import { Value } from 'typebox/value';
import type { WorkersMetrics } from '../metrics.ts';
import { persistRange } from '../processors/persist-range.ts';
import { OutboxRelay } from './outbox-relay.ts';

type Options = {
  readonly stock: StockClient;
  readonly partition: number;
  readonly pool: Pool;
  /** Shared by queues and workers; its commands wait for Redis. */
  readonly jobsRedis: Redis;
  readonly chunkEntries: number;
  readonly metrics: WorkersMetrics;
  readonly log: Logger;
};

export type PartitionPipeline = {
  /** No further range is cut or begun; the chunk in hand is finished. */
  readonly stop: () => Promise<void>;
};

/**
 * How long a job of a killed worker stays with it. A live worker that is slower than that loses the job to another,
 * and both write the same rows.
 */
const lockMs = 5_000;
const stalledCheckMs = 2_000;

/** Outbox stream -> relay -> queue -> processor -> Postgres, for one partition. */
export async function startPartition(options: Options): Promise<PartitionPipeline> {
  const { stock, partition, pool, jobsRedis, chunkEntries, metrics, log } = options;
  const name = outboxQueueName(partition);
  const shared = { connection: jobsRedis, prefix: jobsPrefix(partition) };
  const queue = new Queue<OutboxRangeJob>(name, shared);
  const worker = new Worker<OutboxRangeJob>(
    name,
    async ({ data }) => {
      if (!Value.Check(OutboxRangeJob, data)) throw new UnrecoverableError('not a range of the outbox');
      await persistRange({ stock, pool, metrics, log, chunkEntries }, data);
    },
    {
      ...shared,
      concurrency: 1,
      lockDuration: lockMs,
      stalledInterval: stalledCheckMs,
      maxStalledCount: 1_000_000,
      runRetryDelay: 500,
      settings: { backoffStrategy: (attemptsMade) => outboxRetryDelayMs(attemptsMade) },
    },
  );
  const onError = (error: Error): void => log.debug({ partition, err: error }, 'job queue error');
  queue.on('error', onError);
  worker.on('error', onError);
  let lastFailure = '';
  worker.on('failed', (job, error) => {
    metrics.retries.inc();
    const correlationId = job === undefined ? undefined : rangeCorrelationId(job.data);
    if (error.message !== lastFailure)
      log.warn({ correlationId, partition, err: error }, 'range not persisted, tried again');
    lastFailure = error.message;
  });
  worker.on('completed', ({ data }) => {
    const correlationId = rangeCorrelationId(data);
    if (lastFailure !== '') log.info({ correlationId, partition }, 'ranges are persisted again');
    lastFailure = '';
  });
  await queue.setGlobalConcurrency(1);
  const waiting = jobsRedis.duplicate();
  waiting.on('error', () => undefined);
  const relay = new OutboxRelay({ stock, partition, queue, waiting, chunkEntries, log });
  return {
    stop: async () => {
      await relay.stop();
      await worker.close();
      await queue.close();
    },
  };
}
