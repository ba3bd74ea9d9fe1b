import type { Script, ScriptArg } from '@ropeline/core/redis/script.ts';
import { type Reply, reserveUnits } from '@ropeline/core/stock/scripts.ts';
import type { StockKeys } from '@ropeline/core/stock/stock-keys.ts';

/** One order to be, as the script takes it. */
export type ReserveItem = {
  readonly orderId: string;
  readonly offerId: number;
  readonly memberId: string;
  readonly quantity: number;
  /** The quantity in digits, or as many names in a comma list. */
  readonly units: string;
  readonly amountMinor: number;
  readonly currency: string;
  /** `jti`, empty = none. */
  readonly entry: string;
  /** Empty = none. */
  readonly idempotencyKey: string;
  readonly bodyHash: string;
  /** 0 = no payment step: sold at once. */
  readonly holdMs: number;
  /** Most units, 0 = any. */
  readonly memberLimit: number;
  readonly entryLimit: number;
};

export type ReserveReply = {
  readonly code: number;
  /** Of the order that there is now: the item's own, or the one behind its idempotency key. */
  readonly orderId: string;
  /** Redis time, Unix ms. */
  readonly now: number;
  readonly holdUntil: number;
  readonly capacity: number;
  readonly held: number;
  readonly sold: number;
};

type Waiting = {
  readonly item: ReserveItem;
  readonly resolve: (reply: ReserveReply) => void;
  readonly reject: (error: unknown) => void;
};

/** Blocks Redis for about 2 ms. */
const mostItems = 100;
const keepMs = 86_400_000;

/** Runs a script on a partition of the stock. */
type Run = (
  script: Script<Reply>,
  partition: number,
  keys: (keys: StockKeys) => readonly string[],
  args: readonly ScriptArg[],
) => Promise<Reply>;

/** Sends the reserves of one event-loop turn as one script call per partition; each gets its own answer. */
export class ReserveBatcher {
  readonly #run: Run;
  readonly #outboxLimit: number;
  #waiting = new Map<number, Waiting[]>();

  /** `outboxLimit`: entries in a partition's outbox from which nothing more is sold. */
  constructor(run: Run, outboxLimit: number) {
    this.#run = run;
    this.#outboxLimit = outboxLimit;
  }

  /** Rejects when the call failed: then the outcome is unknown, and the order's id tells. */
  reserve(partition: number, item: ReserveItem): Promise<ReserveReply> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) setImmediate(() => this.#flush());
      const queue = this.#waiting.get(partition);
      if (queue === undefined) this.#waiting.set(partition, [{ item, resolve, reject }]);
      else queue.push({ item, resolve, reject });
    });
  }

  #flush(): void {
    const turn = this.#waiting;
    this.#waiting = new Map();
    for (const [partition, queue] of turn) {
      for (let at = 0; at < queue.length; at += mostItems) {
        void this.#send(partition, queue.slice(at, at + mostItems));
      }
    }
  }

  async #send(partition: number, batch: readonly Waiting[]): Promise<void> {
    try {
      const reply = await this.#run(
        reserveUnits,
        partition,
        (keys) => [keys.epoch, keys.holds, keys.outbox, ...batch.flatMap(({ item }) => itemKeys(keys, item))],
        [this.#outboxLimit, keepMs, ...batch.flatMap(({ item }) => itemArgs(item))],
      );
      batch.forEach(({ resolve }, at) => {
        const [code, orderId, holdUntil, capacity, held, sold] = reply.slice(2 + at * 6, 8 + at * 6);
        resolve({
          code: Number(code),
          orderId: String(orderId),
          now: Number(reply[1]),
          holdUntil: Number(holdUntil),
          capacity: Number(capacity),
          held: Number(held),
          sold: Number(sold),
        });
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

/** The keys of one item, in the script's order. */
export function itemKeys(keys: StockKeys, item: ReserveItem): readonly string[] {
  return [
    keys.offer(item.offerId),
    keys.units(item.offerId),
    keys.members(item.offerId),
    keys.entryUnits(item.offerId, item.entry),
    keys.idempotency(item.offerId, item.memberId, item.idempotencyKey),
    keys.memberOrders(item.memberId),
    keys.order(item.orderId),
  ];
}

/** The arguments of one item, in the script's order. */
export function itemArgs(item: ReserveItem): readonly (string | number)[] {
  return [
    item.orderId,
    item.offerId,
    item.memberId,
    item.quantity,
    item.units,
    item.amountMinor,
    item.currency,
    item.entry,
    item.idempotencyKey,
    item.bodyHash,
    item.holdMs,
    item.memberLimit,
    item.entryLimit,
  ];
}
