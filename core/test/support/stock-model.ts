import type { OrderState } from '../../src/stock/order-record.ts';

type ModelOrder = {
  readonly offerId: number;
  readonly memberId: string;
  readonly entry: string;
  readonly quantity: number;
  /** The hold has run out by now. */
  readonly short: boolean;
  state: OrderState;
  attempt: number;
  version: number;
};

export type Wanted = {
  readonly orderId: string;
  readonly offerId: number;
  readonly memberId: string;
  readonly entry: string;
  readonly key: string;
  readonly bodyHash: string;
  readonly quantity: number;
  /** 0 = sold at once; 1 = runs out at once; else stands. */
  readonly holdMs: number;
  readonly memberLimit: number;
  readonly entryLimit: number;
};

/** What the stock's scripts should answer and leave behind, the slow and simple way: everything is counted anew. */
export class StockModel {
  readonly capacities = new Map<number, number>();
  readonly orders = new Map<string, ModelOrder>();
  readonly #keys = new Map<string, { readonly orderId: string; readonly bodyHash: string }>();

  held(offerId: number): number {
    return this.#sum((order) => order.offerId === offerId && ['RESERVED', 'PAYING'].includes(order.state));
  }

  sold(offerId: number): number {
    return this.#sum((order) => order.offerId === offerId && order.state === 'COMPLETED');
  }

  ofMember(offerId: number, memberId: string): number {
    return this.#sum((order) => order.offerId === offerId && order.memberId === memberId && takes(order));
  }

  ofEntry(offerId: number, entry: string): number {
    return this.#sum((order) => order.offerId === offerId && order.entry === entry && takes(order));
  }

  reserve(wanted: Wanted): number {
    const { orderId, offerId, memberId, entry, key, bodyHash, quantity, holdMs } = wanted;
    if (this.orders.has(orderId)) return 2;
    const used = key === '' ? undefined : this.#keys.get(`${offerId} ${memberId} ${key}`);
    if (used !== undefined) return used.bodyHash === bodyHash ? 2 : 3;
    const over = (limit: number, has: number): boolean => limit > 0 && has + quantity > limit;
    if (over(wanted.memberLimit, this.ofMember(offerId, memberId))) return 6;
    if (entry !== '' && over(wanted.entryLimit, this.ofEntry(offerId, entry))) return 7;
    const held = this.held(offerId);
    const free = (this.capacities.get(offerId) ?? 0) - held - this.sold(offerId);
    if (quantity > free) return held > 0 && (free === 0 || quantity <= free + held) ? 5 : 4;
    const state = holdMs === 0 ? 'COMPLETED' : 'RESERVED';
    const short = holdMs === 1;
    this.orders.set(orderId, { offerId, memberId, entry, quantity, short, state, attempt: 0, version: 1 });
    if (key !== '') this.#keys.set(`${offerId} ${memberId} ${key}`, { orderId, bodyHash });
    return 1;
  }

  begin(orderId: string): number {
    const order = this.#get(orderId);
    if (order.state === 'PAYING') return 2;
    if (order.state !== 'RESERVED') return 4;
    if (order.short) return 3;
    order.attempt += 1;
    return this.#move(order, 'PAYING');
  }

  release(orderId: string, attempt: number): number {
    const order = this.#get(orderId);
    if (order.attempt !== attempt) return 4;
    if (order.state === 'RESERVED') return 2;
    return order.state === 'PAYING' ? this.#move(order, 'RESERVED') : 4;
  }

  complete(orderId: string, attempt: number): number {
    const order = this.#get(orderId);
    if (order.attempt !== attempt) return 4;
    if (order.state === 'COMPLETED') return 2;
    return order.state === 'PAYING' ? this.#move(order, 'COMPLETED') : 4;
  }

  cancel(orderId: string, attempt: number): number {
    const order = this.#get(orderId);
    if (order.state === 'CANCELLED') return 2;
    const may =
      attempt > 0
        ? order.state === 'PAYING' && order.attempt === attempt
        : order.state === 'RESERVED' || order.state === 'COMPLETED';
    return may ? this.#move(order, 'CANCELLED') : 4;
  }

  expire(orderId: string): number {
    const order = this.#get(orderId);
    if (order.state !== 'RESERVED') return 3;
    if (!order.short) return 2;
    this.#move(order, 'EXPIRED');
    return 1;
  }

  #move(order: ModelOrder, state: OrderState): 1 {
    order.state = state;
    order.version += 1;
    return 1;
  }

  #get(orderId: string): ModelOrder {
    const order = this.orders.get(orderId);
    if (order === undefined) throw new Error(`the model has no order ${orderId}`);
    return order;
  }

  #sum(which: (order: ModelOrder) => boolean): number {
    return [...this.orders.values()].filter(which).reduce((sum, { quantity }) => sum + quantity, 0);
  }
}

function takes({ state }: ModelOrder): boolean {
  return state !== 'CANCELLED' && state !== 'EXPIRED';
}
