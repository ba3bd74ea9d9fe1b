import type { Pool } from '@ropeline/core/postgres/connect.ts';

/** What is sold: every kind of stock there is, each a little short for the orders that come. */
export type Sold = {
  readonly offerId: number;
  /** Of ten orders, how many are of this offer. */
  readonly weight: number;
  readonly kind: 'pool' | 'seats' | 'nights' | 'coupon';
  readonly units: number;
};

export const firstNight = '2027-01-01';
const day = 86_400_000;

/** `YYYY-MM-DD`, so many nights after the first. */
export const nightAt = (nights: number): string =>
  new Date(Date.parse(firstNight) + nights * day).toISOString().slice(0, 10);

export function offersFor(orders: number, members: number): readonly Sold[] {
  const share = (of: number): number => Math.max(10, Math.ceil(orders * of));
  return [
    { offerId: 1, kind: 'pool', weight: 4, units: share(0.2) },
    { offerId: 2, kind: 'pool', weight: 2, units: share(0.1) },
    { offerId: 3, kind: 'seats', weight: 2, units: share(0.15) },
    { offerId: 4, kind: 'nights', weight: 1.5, units: share(0.15) },
    { offerId: 5, kind: 'coupon', weight: 0.5, units: Math.ceil(members / 2) },
  ];
}

/** Offer 2 lies in three shards; offer 5 is a coupon. */
export async function addOffers(pool: Pool, offers: readonly Sold[]): Promise<void> {
  for (const { offerId, kind, units } of offers) {
    await pool.query(
      `insert into offers (offer_id, kind, title, capacity, price_minor, currency, rooms, shards, per_member,
         first_night, end_of_nights)
       values ($1, $2, $3, $4, $5, 'KRW', '{demo}', $6, $7, $8, $9)`,
      [
        ...[offerId, kind === 'coupon' ? 'pool' : kind, `${kind} ${offerId}`, units],
        ...[kind === 'coupon' ? 0 : 1_000 + offerId, offerId === 2 ? 3 : 1, kind === 'coupon' ? 1 : null],
        ...(kind === 'nights' ? [firstNight, nightAt(units)] : [null, null]),
      ],
    );
    if (kind === 'coupon') await pool.query('insert into coupons (offer_id) values ($1)', [offerId]);
    if (kind === 'seats')
      await pool.query(
        `insert into seats (offer_id, seat, section, price_minor, at)
         select $1, 'A' || n, 'all', 700 + n, n from generate_series(1, $2) n`,
        [offerId, units],
      );
  }
}
