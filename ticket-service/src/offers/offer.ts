import { AppError } from '@ropeline/core/errors.ts';

/** What is sold. Counts, price and rules come from Postgres; how many are left is the stock Redis's to say. */
export type Offer = {
  readonly id: number;
  readonly kind: 'pool' | 'seats' | 'nights';
  readonly title: string;
  /** Units that may be sold and held together. */
  readonly capacity: number;
  /** Of one unit, in minor units of `currency` (ISO 4217). */
  readonly priceMinor: number;
  readonly currency: string;
  /** Whose entry tokens it takes. */
  readonly rooms: readonly string[];
  /** The room that is told its stock. */
  readonly stockRoom: string | null;
  /** Most units that one entry may hold and have bought; null = no limit. */
  readonly perEntry: number | null;
  /** Most units that one member may hold and have bought; null = no limit. */
  readonly perMember: number | null;
  /** Of kind `seats`: the map, in its order; else empty. */
  readonly seats: ReadonlyMap<string, Seat>;
  /** Of kind `nights`; else null. */
  readonly nights: Nights | null;
  /** Over how many partitions a pool is spread. */
  readonly shards: number;
  /** Of a pool that is issued and not sold; else null. */
  readonly coupon: CouponTerms | null;
  /** Whose offer it is; null = nobody's. */
  readonly hostId: string | null;
  /** No longer for sale; what is held and sold stays. */
  readonly isWithdrawn: boolean;
  /** Grows with every change. */
  readonly version: number;
  /** Unix ms. */
  readonly createdAt: number;
};

export type Seat = {
  readonly section: string;
  readonly priceMinor: number;
};

/** Nights for sale, `[first, end)`, dates as `YYYY-MM-DD` in the hotel's zone. */
export type Nights = {
  readonly first: string;
  readonly end: string;
  readonly timeZone: string | null;
};

/** When a coupon is issued, `[opensAt, closesAt)`, and when an issued one ends; Unix ms, null = without bound. */
export type CouponTerms = {
  readonly opensAt: number | null;
  readonly closesAt: number | null;
  readonly expiresAt: number | null;
  /** From the moment of issue. */
  readonly validSeconds: number | null;
};

export type CouponOffer = Offer & { readonly coupon: CouponTerms };

export function isCoupon(offer: Offer): offer is CouponOffer {
  return offer.coupon !== null;
}

/** Throws 404 `unknown-offer` for an offer that is no coupon. */
export function couponIn(offer: Offer): CouponOffer {
  if (!isCoupon(offer)) throw new AppError('unknown-offer');
  return offer;
}
