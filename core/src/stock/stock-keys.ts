import { partitionOf } from './partitions.ts';

/** Every key of one partition of the stock's Redis; they share one hash slot. */
export type StockKeys = {
  /** string: the life of this data set; missing = no script acts. */
  readonly epoch: string;
  /** string: who builds the data set anew, or did last. */
  readonly builder: string;
  /** zset: order -> holdUntil, RESERVED orders only. */
  readonly holds: string;
  /** stream: one entry per transition, the whole order each. */
  readonly outbox: string;
  /** hash: what the relay has cut from the outbox and what Postgres has confirmed. */
  readonly cursor: string;
  /** hash: transfer -> `offer units partition at`: units of sharded offers on their way to another partition. */
  readonly transfers: string;
  /** zset: transfer -> when its units were received here. */
  readonly received: string;
  /** hash: capacity, held, sold; of a sharded offer, of its shard here. */
  readonly offer: (offerId: number) => string;
  /** hash: named unit -> order, of those held or sold; offers of kind `pool` have none. */
  readonly units: (offerId: number) => string;
  /** hash: member -> units held and bought; who ever ordered keeps a field. */
  readonly members: (offerId: number) => string;
  /** string: units that an entry holds and has bought of an offer. */
  readonly entryUnits: (offerId: number, jti: string) => string;
  /** string: order id and body hash behind an idempotency key of a member and an offer. */
  readonly idempotency: (offerId: number, memberId: string, key: string) => string;
  /** hash: the order, fields as in `orderFields`. */
  readonly order: (orderId: string) => string;
  /** zset: order -> created at; the member's newest 100 orders, which Redis may still hold. */
  readonly memberOrders: (memberId: string) => string;
  /** string: the holder whom an entry is bound to. */
  readonly entry: (jti: string) => string;
  /** hash: capacity, held, sold of a product of the stock API. */
  readonly product: (productId: number) => string;
};

export function stockKeys(partition: number): StockKeys {
  const at = (...parts: readonly (string | number)[]): string =>
    [`ropeline:{stock:${partition}}`, ...parts].join(':');
  return {
    epoch: at('epoch'),
    builder: at('builder'),
    holds: at('holds'),
    outbox: at('outbox'),
    cursor: at('cursor'),
    transfers: at('transfers'),
    received: at('received'),
    offer: (offerId) => at('offer', offerId),
    units: (offerId) => at('units', offerId),
    members: (offerId) => at('members', offerId),
    entryUnits: (offerId, jti) => at('entry-units', offerId, plain(jti)),
    idempotency: (offerId, memberId, key) => at('key', offerId, plain(memberId), plain(key)),
    order: (orderId) => at('order', orderId),
    memberOrders: (memberId) => at('member-orders', plain(memberId)),
    entry: (jti) => at('entry', plain(jti)),
    product: (productId) => at('product', productId),
  };
}

/** Free text as one part of a key: without the colon that separates parts. */
const plain = (text: string): string => encodeURIComponent(text);

export const partitionOfOffer = (offerId: number, count: number): number =>
  partitionOf(`offer:${offerId}`, count);
export const partitionOfEntry = (jti: string, count: number): number => partitionOf(`entry:${jti}`, count);
export const partitionOfProduct = (productId: number, count: number): number =>
  partitionOf(`product:${productId}`, count);

/** string: one comparison of the reconciler is under way or was lately. */
export const reconcilerKey = 'ropeline:stock:reconciler';

/** Pub/sub channel: `<offerId> <capacity> <held> <sold>` whenever units of an offer come free. */
export const releasedChannel = 'ropeline:stock:released';
