import { hash } from 'node:crypto';
import { AppError } from '@ropeline/core/errors.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { ReserveAnswer } from '../inventory/reserve-answer.ts';
import type { Offer } from '../offers/offer.ts';
import type { OrderLookup } from './order-lookup.ts';
import type { Placed } from './outcomes.ts';
import { priceUnits, type WantedUnits } from './wanted-units.ts';

type Parts = {
  readonly inventory: Inventory;
  readonly lookup: OrderLookup;
  readonly holdMs: number;
};

export type Wish = {
  readonly offer: Offer;
  readonly memberId: string;
  readonly wanted: WantedUnits;
  /** `jti` of the entry token; undefined where none is asked for. */
  readonly entry: string | undefined;
  /** Empty: none, every call is an order of its own. */
  readonly idempotencyKey: string;
  /** Sold at once, without a payment step. */
  readonly atOnce?: boolean;
};

/** Less than the day for which Redis keeps a key, by the time that persisting may take. */
const surelyInRedisMs = 20 * 3_600_000;

/** Takes the units that somebody wishes for, and holds them for payment. */
export class OrderDesk {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Throws the problem to answer with when there is no order. */
  async place(wish: Wish): Promise<Placed> {
    const { inventory, lookup, holdMs } = this.#parts;
    const { offer, memberId } = wish;
    if (offer.coupon !== null)
      throw new AppError('bad-request', { detail: 'A coupon is issued, not ordered' });
    if (this.isSoldOut(wish)) throw refusal({ kind: 'sold-out', available: 0 });
    const { units, quantity, amountMinor } = priceUnits(offer, wish.wanted);
    const bodyHash = hashOf(`${offer.kind} ${offer.id} ${units}`);
    const old = await this.#oldOrder(wish);
    if (old !== undefined) {
      if (old.bodyHash !== bodyHash) throw new AppError('idempotency-mismatch');
      return { kind: 'repeated', order: (await lookup.find(old.orderId))?.order ?? old };
    }
    if (offer.isWithdrawn) throw new AppError('unknown-offer');
    const answer = await inventory.reserve({
      offer,
      memberId,
      quantity,
      units,
      amountMinor,
      currency: offer.currency,
      entry: wish.entry ?? '',
      idempotencyKey: wish.idempotencyKey,
      bodyHash,
      holdMs: wish.atOnce === true ? 0 : holdMs,
      memberLimit: offer.perMember ?? 0,
      entryLimit: offer.perEntry ?? 0,
    });
    if (answer.kind === 'taken') return { kind: 'created', order: answer.order };
    if (answer.kind !== 'same') throw refusal(answer);
    const found = await lookup.find(answer.orderId);
    if (found === undefined) throw new AppError('hold-lost');
    return { kind: 'repeated', order: found.order };
  }

  /**
   * Whether `place` would refuse the wish with `sold-out` out of memory, asking nobody. Throws the problem of a wish
   * that the offer cannot fulfil.
   */
  isSoldOut({ offer, memberId, wanted }: Pick<Wish, 'offer' | 'memberId' | 'wanted'>): boolean {
    if (this.#parts.inventory.soldOutTo(offer.id, memberId) === undefined) return false;
    if (offer.isWithdrawn || offer.coupon !== null) return false;
    priceUnits(offer, wanted);
    return true;
  }

  /**
   * Redis keeps a key for a day; of offers that are older than most of it, Postgres is asked first. Not for who never
   * ordered, for they have no key, nor for a key that Redis has: so these are served while Postgres is away.
   */
  async #oldOrder({ offer, memberId, idempotencyKey }: Wish): Promise<OrderRecord | undefined> {
    const { inventory, lookup } = this.#parts;
    if (idempotencyKey === '') return undefined;
    if (!offer.isWithdrawn) {
      if (Date.now() - offer.createdAt < surelyInRedisMs) return undefined;
      if (!(await inventory.mayHaveForgotten(offer, memberId, idempotencyKey))) return undefined;
    }
    return lookup.ofKey(memberId, offer.id, idempotencyKey);
  }
}

/** Short: it only tells a repeat from a misuse of one member's key. */
function hashOf(body: string): string {
  return hash('sha256', body, 'base64url').slice(0, 22);
}

/** The problem that says why no units were taken. */
export function refusal(answer: Exclude<ReserveAnswer, { kind: 'taken' | 'same' }>): AppError {
  switch (answer.kind) {
    case 'mismatch':
      return new AppError('idempotency-mismatch');
    case 'sold-out':
      return new AppError('sold-out', { members: { available: answer.available } });
    case 'all-held':
      return new AppError('all-held', { members: { available: answer.available }, retryAfterSeconds: 5 });
    case 'taken-by-other':
      return new AppError('taken', { members: { available: answer.available } });
    case 'limit':
      return new AppError('limit-reached', { detail: `The limit of units per ${answer.of} is reached` });
    case 'behind':
      return new AppError('unavailable', { detail: 'Orders are being written down', retryAfterSeconds: 2 });
    case 'unknown-offer':
      return new AppError('not-ready', { retryAfterSeconds: 2 });
    default:
      return answer satisfies never;
  }
}
