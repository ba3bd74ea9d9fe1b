import { setTimeout as delay } from 'node:timers/promises';
import { timeOfOrder } from '@ropeline/core/stock/order-id.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';
import type { OrderRows } from './order-rows.ts';
import type { StockOrders } from './stock-orders.ts';

/** What Redis and Postgres know of an order. */
export type Found = {
  /** The higher version. */
  readonly order: OrderRecord;
  readonly inRedis: boolean;
};

const patienceMs = 1_000;

/** More than a member orders while Postgres is behind. */
const mostUnpersisted = 100;

/**
 * Finds orders in Redis and in Postgres; the higher version wins. One of the two may be away as long as the other
 * has the answer.
 */
export class OrderLookup {
  readonly #redis: StockOrders;
  readonly #postgres: OrderRows;

  constructor(redis: StockOrders, postgres: OrderRows) {
    this.#redis = redis;
    this.#postgres = postgres;
  }

  /** Undefined only when both have answered that they do not know it. */
  find(orderId: string): Promise<Found | undefined> {
    return this.#find(orderId, false);
  }

  /** The same for who wants to change the order: that Redis does not have it must be known, not guessed. */
  findToChange(orderId: string): Promise<Found | undefined> {
    return this.#find(orderId, true);
  }

  /** Gives Redis a sold order back that it has forgotten, so that it can be moved; see `StockOrders.restore`. */
  async putBackSold(orderId: string): Promise<void> {
    await this.#redis.restore(orderId, async () => {
      const order = await this.#postgres.read(orderId);
      return order?.state === 'COMPLETED' ? order : undefined;
    });
  }

  /** The order behind an idempotency key that Redis may have let go; Postgres keeps it for ever. */
  ofKey(memberId: string, offerId: number, key: string): Promise<OrderRecord | undefined> {
    return this.#postgres.ofKey(memberId, offerId, key);
  }

  /**
   * Whether an order that nobody knows may have been lost with the stock Redis: its id is older than the life that
   * the stock lives now.
   */
  async wasLost(orderId: string): Promise<boolean> {
    const madeAt = timeOfOrder(orderId);
    return madeAt !== undefined && madeAt < (await this.#postgres.lifeBegan());
  }

  /** Newest first, at most `most`. Throws only when both are away. */
  ofMember(memberId: string, most: number): Promise<readonly OrderRecord[]> {
    return merge(this.#redis.ofMember(memberId, most), this.#postgres.ofMember(memberId, most), most);
  }

  /** The member's orders of these offers, newest first. Throws only when both are away. */
  ofMemberAndOffers(memberId: string, offerIds: readonly number[]): Promise<readonly OrderRecord[]> {
    const wanted = new Set(offerIds);
    // Redis is asked for what is not yet in Postgres: among the newest.
    const inRedis = this.#redis.ofMember(memberId, mostUnpersisted);
    return merge(
      inRedis.then((orders) => orders.filter(({ offerId }) => wanted.has(offerId))),
      this.#postgres.ofMemberAndOffers(memberId, offerIds),
    );
  }

  async #find(orderId: string, redisMustAnswer: boolean): Promise<Found | undefined> {
    const asked = this.#postgres.read(orderId);
    // A rejection is looked at below.
    asked.catch(() => undefined);
    const [redis] = await Promise.allSettled([this.#redis.read(orderId)]);
    const known = valuesOf(redis).length > 0;
    const [postgres] = await Promise.allSettled([known ? unlessSlow(asked) : asked]);
    if (redisMustAnswer && redis.status === 'rejected') throw redis.reason;
    const order = newest([...valuesOf(redis), ...valuesOf(postgres)]);
    if (order !== undefined) return { order, inRedis: known };
    for (const answer of [redis, postgres]) if (answer.status === 'rejected') throw answer.reason;
    return undefined;
  }
}

/** Postgres hangs and Redis has the order: what Redis says stands, for it is told of every step first. */
async function unlessSlow<T>(answer: Promise<T>): Promise<T | undefined> {
  const answered = new AbortController();
  const { signal } = answered;
  try {
    return await Promise.race([answer, delay(patienceMs, undefined, { signal, ref: false })]);
  } finally {
    answered.abort();
  }
}

/** The higher version of each order, newest first. */
async function merge(
  inRedis: Promise<readonly OrderRecord[]>,
  inPostgres: Promise<readonly OrderRecord[]>,
  most?: number,
): Promise<readonly OrderRecord[]> {
  const [redis, postgres] = await Promise.allSettled([inRedis, inPostgres]);
  if (postgres.status === 'rejected' && redis.status === 'rejected') throw postgres.reason;
  const all = [redis, postgres].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  const byId = Map.groupBy(all, ({ orderId }) => orderId);
  return [...byId.values()]
    .flatMap((versions) => newest(versions) ?? [])
    .sort((a, b) => b.createdAt - a.createdAt)
    .slice(0, most);
}

function valuesOf(answer: PromiseSettledResult<OrderRecord | undefined>): readonly OrderRecord[] {
  return answer.status === 'fulfilled' && answer.value !== undefined ? [answer.value] : [];
}

function newest(versions: readonly OrderRecord[]): OrderRecord | undefined {
  return versions.reduce<OrderRecord | undefined>(
    (best, order) => (best === undefined || order.version > best.version ? order : best),
    undefined,
  );
}
