import { type Static, Type } from 'typebox';

/**
 * One job is one range of a partition's outbox stream, cut once by the relay; a partition has a queue of its own,
 * whose global concurrency is 1.
 *
 * A job is only a wake-up: whoever runs it persists everything from the partition's watermark to `last`. A job that
 * is lost, runs twice or out of turn changes nothing.
 */
export const OutboxRangeJob = Type.Object({
  partition: Type.Integer({ minimum: 0, maximum: 255 }),
  range: Type.Integer({ minimum: 1 }),
  first: Type.String({ pattern: '^\\d+-\\d+$' }),
  last: Type.String({ pattern: '^\\d+-\\d+$' }),
  entries: Type.Integer({ minimum: 1 }),
  /** {@link rangeCorrelationId}; missing in jobs of older relays. */
  correlationId: Type.Optional(Type.String()),
});
export type OutboxRangeJob = Static<typeof OutboxRangeJob>;

/**
 * In every log line about a range, of the relay and of the processor. By its first entry: each life of the stock
 * numbers its ranges anew, while ids of a stream go on. Its entries have the correlation ids of their orders.
 */
export const rangeCorrelationId = ({
  partition,
  first,
}: Pick<OutboxRangeJob, 'partition' | 'first'>): string => `range:${partition}:${first}`;

export const outboxQueueName = (partition: number): string => `outbox-${partition}`;

/** In the slot of the partition's own keys: legal on a cluster, and spread as they are. */
export const jobsPrefix = (partition: number): string => `ropeline:{stock:${partition}}:jobs`;

/** Tried until done: what cannot be persisted becomes a dead letter in Postgres, never a failed job. */
export const outboxJobOptions = {
  attempts: 1_000_000_000,
  backoff: { type: 'outbox' },
  removeOnComplete: true,
  removeOnFail: { count: 100 },
} as const;

/** 50 ms after the first failure, twice as long each time, at most 2 s; spread by a fifth. */
export function outboxRetryDelayMs(attemptsMade: number, random = Math.random()): number {
  const full = Math.min(50 * 2 ** Math.min(attemptsMade - 1, 10), 2_000);
  return Math.round(full * (0.8 + 0.2 * random));
}
