import { AppError } from '@ropeline/core/errors.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import type { CouponOffer } from '../offers/offer.ts';
import type { OfferCatalog } from '../offers/offer-catalog.ts';
import { free, type StockSource } from '../offers/stock-counts.ts';
import type { OrderLookup } from '../orders/order-lookup.ts';
import { endOf } from './coupon-desk.ts';

/** A coupon as one member sees it. Times in Unix ms. */
export type SeenCoupon =
  | {
      readonly id: number;
      readonly title: string;
      readonly outcome: 'issued';
      readonly issuedAt: number;
      /** null = it does not end. */
      readonly expiresAt: number | null;
    }
  | { readonly id: number; readonly title: string; readonly outcome: 'gone' };

export type CouponCounts = {
  readonly capacity: number;
  /** As the stock Redis decided, at most half a second ago. */
  readonly issued: number;
  /** Of these, in Postgres. */
  readonly persisted: number;
};

type Parts = {
  readonly pool: Pool;
  readonly catalog: OfferCatalog;
  readonly stock: StockSource;
  readonly lookup: OrderLookup;
};

/** What of coupons can be read. */
export class CouponBook {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * The coupons that the member has, from the moment of their issue and newest first; then those that are gone
   * without the member having one, while they are on offer.
   */
  async ofMember(memberId: string): Promise<readonly SeenCoupon[]> {
    const { catalog, lookup } = this.#parts;
    const coupons = new Map(catalog.listCoupons().map((offer) => [offer.id, offer]));
    // Seen before the orders are read: a coupon that is gone by then has been issued to whom it was issued.
    const gone = [...coupons.values()].filter((offer) => this.#isGone(offer));
    const orders = await lookup.ofMemberAndOffers(memberId, [...coupons.keys()]);
    const issued = orders.flatMap(({ offerId, state, createdAt: issuedAt }): SeenCoupon[] => {
      const offer = coupons.get(offerId);
      if (offer === undefined || state !== 'COMPLETED') return [];
      const { id, title, coupon } = offer;
      return [{ id, title, outcome: 'issued', issuedAt, expiresAt: endOf(coupon, issuedAt) }];
    });
    const known = new Set(orders.map(({ offerId }) => offerId));
    const missed = gone.filter(({ id }) => !known.has(id));
    return [...issued, ...missed.map(({ id, title }): SeenCoupon => ({ id, title, outcome: 'gone' }))];
  }

  /** Throws 503 `not-ready` while the stock is not known. */
  async countsOf({ id, capacity }: CouponOffer): Promise<CouponCounts> {
    const { pool, stock } = this.#parts;
    const { rows } = await pool.query<{ taken: number }>('select taken from offers where offer_id = $1', [
      id,
    ]);
    const counts = stock.read(id);
    if (counts === undefined) throw new AppError('not-ready', { retryAfterSeconds: 1 });
    return { capacity, issued: counts.sold, persisted: rows[0]?.taken ?? 0 };
  }

  #isGone({ id, isWithdrawn, coupon: { closesAt } }: CouponOffer): boolean {
    const counts = this.#parts.stock.read(id);
    if (counts === undefined || isWithdrawn || (closesAt !== null && closesAt <= Date.now())) return false;
    return counts.held === 0 && free(counts) === 0;
  }
}
