import { createRegistry } from '@ropeline/core/metrics.ts';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Every metric of the workers. Gauges of shared state (backlog, lag, dead letters) are read at each scrape. */
export type WorkersMetrics = {
  readonly registry: Registry;
  readonly rows: Counter;
  readonly refused: Counter;
  readonly retries: Counter;
  readonly expired: Counter;
  readonly refunds: Counter<'outcome'>;
  readonly chunkSeconds: Histogram;
};

export type SharedState = {
  /** Entries that are not confirmed yet and the age of the oldest, per partition. */
  readonly backlog: () => Promise<readonly { readonly entries: number; readonly lagMs: number }[]>;
  readonly deadLetters: () => Promise<{ readonly retrying: number; readonly dead: number }>;
  /** Payments without an end, by state. */
  readonly openPayments: () => Promise<Readonly<Record<'pending' | 'unknown' | 'refund-due', number>>>;
  /** Age of the oldest event that a consumer has not seen. */
  readonly eventLags: () => Promise<readonly { readonly consumer: string; readonly lagSeconds: number }[]>;
  /** Events there have been, by type. */
  readonly eventTallies: () => Promise<readonly { readonly type: string; readonly events: number }[]>;
};

export function createMetrics(): WorkersMetrics {
  const registry = createRegistry();
  const registers = [registry];
  return {
    registry,
    rows: new Counter({
      name: 'ropeline_workers_rows_total',
      help: 'Order rows written to Postgres; its rate is rows a second',
      registers,
    }),
    refused: new Counter({
      name: 'ropeline_workers_refused_total',
      help: 'Outbox entries that Postgres refused and that became dead letters',
      registers,
    }),
    retries: new Counter({
      name: 'ropeline_workers_retries_total',
      help: 'Outbox jobs that failed and are tried again',
      registers,
    }),
    expired: new Counter({
      name: 'ropeline_workers_holds_expired_total',
      help: 'Holds that ran out',
      registers,
    }),
    refunds: new Counter({
      name: 'ropeline_workers_refunds_total',
      help: 'Refunds asked for, by what the provider said',
      labelNames: ['outcome'],
      registers,
    }),
    chunkSeconds: new Histogram({
      name: 'ropeline_workers_chunk_seconds',
      help: 'Time to write one chunk to Postgres',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers,
    }),
  };
}

/** What cannot be read at a scrape (a server is away) keeps its last value; `/health/ready` tells. */
export function observeSharedState(registry: Registry, state: SharedState): void {
  const lag = new Gauge({
    name: 'ropeline_workers_outbox_lag_seconds',
    help: 'Age of the oldest outbox entry that Postgres has not confirmed',
    labelNames: ['partition'],
    registers: [registry],
  });
  new Gauge({
    name: 'ropeline_workers_outbox_backlog_entries',
    help: 'Outbox entries that Postgres has not confirmed',
    labelNames: ['partition'],
    registers: [registry],
    async collect() {
      const partitions = await state.backlog().catch(() => []);
      for (const [partition, { entries, lagMs }] of partitions.entries()) {
        this.set({ partition }, entries);
        lag.set({ partition }, lagMs / 1_000);
      }
    },
  });
  new Gauge({
    name: 'ropeline_workers_dead_letters',
    help: 'Dead letters that nothing has settled: retrying by themselves, or dead until an operator acts',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      const counts = await state.deadLetters().catch(() => undefined);
      if (counts === undefined) return;
      this.set({ state: 'retrying' }, counts.retrying);
      this.set({ state: 'dead' }, counts.dead);
    },
  });
  new Gauge({
    name: 'ropeline_workers_payments_open',
    help: 'Payments without an end: pending, unknown, refund-due',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      const counts = await state.openPayments().catch(() => ({}));
      for (const [name, count] of Object.entries(counts)) this.set({ state: name }, count);
    },
  });
  new Gauge({
    name: 'ropeline_workers_events',
    help: 'Events that there have been, by type; each is counted once however many workers run',
    labelNames: ['type'],
    registers: [registry],
    async collect() {
      for (const { type, events } of await state.eventTallies().catch(() => [])) this.set({ type }, events);
    },
  });
  new Gauge({
    name: 'ropeline_workers_event_lag_seconds',
    help: 'Age of the oldest event that a consumer has not seen',
    labelNames: ['consumer'],
    registers: [registry],
    async collect() {
      for (const { consumer, lagSeconds } of await state.eventLags().catch(() => []))
        this.set({ consumer }, lagSeconds);
    },
  });
}
