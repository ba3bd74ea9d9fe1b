import { setTimeout as delay } from 'node:timers/promises';
import {
  type OutboxRangeJob,
  outboxJobOptions,
  rangeCorrelationId,
} from '@ropeline/core/jobs/outbox-jobs.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import { cutRange } from '@ropeline/core/stock/outbox.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import type { Queue } from 'bullmq';

type Options = {
  readonly stock: StockClient;
  readonly partition: number;
  readonly queue: Queue<OutboxRangeJob>;
  /** A connection of the relay's own: it blocks. */
  readonly waiting: Redis;
  readonly chunkEntries: number;
  readonly log: Logger;
};

/** Entries that follow each other within this time go into one range. */
const lingerMs = 15;
/** Ranges that may wait for the processor; beyond it the backlog stays in the stream, where ranges grow full. */
const mostAhead = 4;
const blockMs = 1_000;
const pauseMs = 250;

/**
 * Hands a partition's outbox on: waits for entries, cuts a range, adds the job, again. Any number of relays may run
 * for one partition. A relay that dies between cutting and adding leaves a range that the next one is given again.
 */
export class OutboxRelay {
  readonly #options: Options;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  /** Number and last stream id of the last range handed on. */
  #handedOn = 0;
  #last = '0-0';
  /** Of the range that was cut and is not handed on yet. */
  #inHand: string | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#options.waiting.disconnect();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { log, partition, stock } = this.#options;
    let failing = false;
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#step();
        if (failing) log.info({ partition }, 'outbox relay works again');
        failing = false;
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        const correlationId = this.#inHand;
        if (!failing)
          log.warn({ correlationId, partition, err: error }, 'outbox relay failed and is tried again');
        failing = true;
        await this.#pause(pauseMs);
        await stock.reopen().catch(() => false);
        // Of another life ranges are numbered anew; that of this one is handed on twice at worst.
        this.#handedOn = 0;
        this.#last = '0-0';
      }
    }
  }

  async #step(): Promise<void> {
    const { stock, partition, queue, chunkEntries, log } = this.#options;
    this.#inHand = undefined;
    if ((await queue.count()) >= mostAhead) return this.#pause(lingerMs);
    const range = await cutRange(stock, partition, this.#handedOn, chunkEntries);
    if (range === undefined) return this.#waitForEntries();
    const correlationId = rangeCorrelationId(range);
    this.#inHand = correlationId;
    await queue.add('range', { ...range, correlationId }, outboxJobOptions);
    log.debug({ correlationId, entries: range.entries }, 'range handed on');
    this.#handedOn = range.range;
    this.#last = range.last;
    if (range.entries < chunkEntries) await this.#waitForEntries();
  }

  async #waitForEntries(): Promise<void> {
    const { waiting, stock, partition } = this.#options;
    const { outbox } = stock.keysOf(partition);
    await waiting.xread('COUNT', 1, 'BLOCK', blockMs, 'STREAMS', outbox, this.#last);
    await this.#pause(lingerMs);
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}
