import { orderLingerMs } from '@ropeline/core/stock/holds.ts';
import { partitionOfOrder } from '@ropeline/core/stock/order-id.ts';
import type { OrderRecord, OrderState } from '@ropeline/core/stock/order-record.ts';
import { orderFields } from '@ropeline/core/stock/order-record.ts';
import { decodeOrder } from '@ropeline/core/stock/outbox.ts';
import {
  beginPayment,
  cancelOrder,
  completeOrder,
  type Reply,
  releasePayment,
  restoreOrder,
} from '@ropeline/core/stock/scripts.ts';
import { releasedChannel } from '@ropeline/core/stock/stock-keys.ts';
import type { Inventory } from '../inventory/inventory.ts';

/** A wish to bring an order into another state. */
export type Move =
  | { readonly to: 'PAYING' }
  /** Back, because it is certain that the attempt charged nothing. */
  | { readonly to: 'RESERVED'; readonly attempt: number }
  | { readonly to: 'COMPLETED'; readonly attempt: number }
  /** `uncharged` is the attempt that was declined or goes back; without it the order is cancelled by wish. */
  | { readonly to: 'CANCELLED'; readonly uncharged?: number };

export type Moved = {
  /** `same`: it was there already. `expired`: the hold had run out. `gone`: Redis does not have the order. */
  readonly kind: 'moved' | 'same' | 'expired' | 'refused' | 'gone';
  /** After the move; of `CANCELLED`, before it. */
  readonly state: OrderState | '';
  readonly attempt: number;
  /** The life of the stock in which it was moved. */
  readonly epoch: string;
};

/** Least time to pay again after a failed attempt. */
const graceMs = 60_000;
const restoredKeepMs = 600_000;
/** How long after it was read in Postgres an order may be put back. */
const restoreWithinMs = orderLingerMs / 6;

/** Orders as the stock Redis has them: reading, and the scripts that move them. */
export class StockOrders {
  readonly #inventory: Inventory;

  constructor(inventory: Inventory) {
    this.#inventory = inventory;
  }

  async read(orderId: string): Promise<OrderRecord | undefined> {
    const partition = this.#partition(orderId);
    if (partition === undefined) return undefined;
    const { redis } = this.#inventory.stock;
    const values = await redis.hmget(this.#inventory.stock.keysOf(partition).order(orderId), ...orderFields);
    return decodeOrder(Object.fromEntries(orderFields.map((name, at) => [name, values[at] ?? undefined])));
  }

  /** The member's newest orders that Redis still has. */
  async ofMember(memberId: string, most: number): Promise<readonly OrderRecord[]> {
    const { redis, keys } = this.#inventory.stock;
    const ids = await Promise.all(keys.map((at) => redis.zrevrange(at.memberOrders(memberId), 0, most - 1)));
    const orders = await Promise.all(ids.flat().map((orderId) => this.read(orderId)));
    return orders.filter((order) => order !== undefined);
  }

  /**
   * Puts an order back that Redis forgot or lost, as `read` finds it in Postgres; undefined: there is nothing to put
   * back. One that is there is left alone. True when it was put back.
   *
   * An order that ended meanwhile is never put back as it was before, though this process be frozen between any two
   * of these lines. The time of Redis is read before Postgres is asked. So what ends the order and is not in that
   * answer is written to Postgres later, forgotten later still, and in Redis for `orderLingerMs` from then on. The
   * script finds it there, or it runs more than `restoreWithinMs` after that time, and refuses. What was read in one
   * life of the stock is not put into the next. What remains is a clock of Redis that is set back by most of a
   * minute while a process is frozen.
   */
  async restore(orderId: string, read: () => Promise<OrderRecord | undefined>): Promise<boolean> {
    const partition = this.#partition(orderId);
    if (partition === undefined) return false;
    const { stock } = this.#inventory;
    const { epoch } = stock;
    const readAt = await stock.timeMs();
    const order = await read();
    // Nothing comes between this look and the call.
    if (order === undefined || this.#inventory.stock.epoch !== epoch) return false;
    const [code] = await this.#inventory.run(
      restoreOrder,
      partition,
      (keys) => [keys.epoch, keys.holds, keys.order(orderId)],
      [restoredKeepMs, readAt, restoreWithinMs, ...orderFields.flatMap((name) => [name, order[name]])],
    );
    return code === 1;
  }

  /** Repeat-safe. Throws when the outcome is unknown. */
  async move({ orderId, offerId, entry }: OrderRecord, move: Move): Promise<Moved> {
    const partition = this.#partition(orderId);
    // Nothing comes between this look and the call.
    const { epoch } = this.#inventory.stock;
    if (partition === undefined) return { kind: 'gone', state: '', attempt: 0, epoch };
    return decode(await this.#run(partition, { orderId, offerId, entry }, move), epoch);
  }

  /** Replicas have what money follows from: else a master's death could undo it behind the provider's back. */
  #run(
    partition: number,
    { orderId, offerId, entry }: Pick<OrderRecord, 'orderId' | 'offerId' | 'entry'>,
    move: Move,
  ): Promise<Reply> {
    const inventory = this.#inventory;
    switch (move.to) {
      case 'PAYING':
        return inventory.runReplicated(beginPayment, partition, (keys) => [
          keys.epoch,
          keys.holds,
          keys.outbox,
          keys.order(orderId),
        ]);
      case 'RESERVED':
        return inventory.run(
          releasePayment,
          partition,
          (keys) => [keys.epoch, keys.holds, keys.outbox, keys.order(orderId)],
          [move.attempt, graceMs],
        );
      case 'COMPLETED':
        return inventory.runReplicated(
          completeOrder,
          partition,
          (keys) => [keys.epoch, keys.outbox, keys.offer(offerId), keys.order(orderId)],
          [move.attempt],
        );
      case 'CANCELLED':
        return inventory.runReplicated(
          cancelOrder,
          partition,
          (keys) => [
            ...[keys.epoch, keys.holds, keys.outbox, keys.offer(offerId), keys.units(offerId)],
            ...[keys.members(offerId), keys.entryUnits(offerId, entry), keys.order(orderId)],
          ],
          [move.uncharged ?? 0, releasedChannel],
        );
      default:
        return move satisfies never;
    }
  }

  #partition(orderId: string): number | undefined {
    const partition = partitionOfOrder(orderId);
    return partition !== undefined && partition < this.#inventory.partitions ? partition : undefined;
  }
}

const kinds = ['moved', 'same', 'expired', 'refused', 'gone'] as const;

function decode([code, state, , attempt]: Reply, epoch: string): Moved {
  const kind = kinds[Number(code) - 1];
  if (kind === undefined) throw new Error(`a move answered ${code}`);
  return { kind, state: state as Moved['state'], attempt: Number(attempt), epoch };
}
