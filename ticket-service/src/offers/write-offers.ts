import type { PoolClient } from '@ropeline/core/postgres/connect.ts';
import type { CouponTerms, Offer, Seat } from './offer.ts';

/** Of `capacity` only a pool's counts: seats and nights count themselves. With a `coupon` the pool is one. */
export type NewOffer = Omit<Offer, 'id' | 'version' | 'isWithdrawn' | 'createdAt' | 'seats' | 'coupon'> & {
  readonly seats: readonly (Seat & { readonly seat: string })[];
  readonly coupon?: CouponTerms;
};

export type OfferPatch = Partial<
  Pick<NewOffer, 'title' | 'capacity' | 'priceMinor' | 'rooms' | 'stockRoom' | 'perEntry' | 'perMember'>
>;

/** The offer with its seats and its terms as a coupon: to be run in a transaction. Returns its id. */
export async function insertOffer(client: PoolClient, offer: NewOffer): Promise<number> {
  const { rows } = await client.query<{ offer_id: number }>(
    `insert into offers (kind, title, capacity, price_minor, currency, rooms, stock_room, per_entry, per_member,
       shards, first_night, end_of_nights, time_zone, host_id)
     values ($1, $2, coalesce($10::date - $9::date, $3), $4, $5, $6, $7, $8, $13, $12, $9::date, $10::date, $11, $14)
     returning offer_id`,
    [
      ...[offer.kind, offer.title, offer.seats.length || offer.capacity, offer.priceMinor, offer.currency],
      ...[
        offer.rooms,
        offer.stockRoom,
        offer.perEntry,
        offer.nights?.first ?? null,
        offer.nights?.end ?? null,
      ],
      ...[offer.nights?.timeZone ?? null, offer.shards, offer.perMember, offer.hostId],
    ],
  );
  const id = rows[0]?.offer_id;
  if (id === undefined) throw new Error('an offer without an id');
  if (offer.coupon !== undefined) await insertCoupon(client, id, offer.coupon);
  if (offer.seats.length > 0) {
    await client.query(
      `insert into seats (offer_id, seat, section, price_minor, at)
       select $1, seat, section, price_minor, at
       from unnest($2::text[], $3::text[], $4::bigint[]) with ordinality as given (seat, section, price_minor, at)`,
      [
        id,
        offer.seats.map(({ seat }) => seat),
        offer.seats.map(({ section }) => section),
        offer.seats.map(({ priceMinor }) => priceMinor),
      ],
    );
  }
  return id;
}

async function insertCoupon(client: PoolClient, id: number, coupon: CouponTerms): Promise<void> {
  await client.query(
    `insert into coupons (offer_id, opens_at, closes_at, expires_at, valid_seconds)
     values ($1, to_timestamp($2 / 1000.0), to_timestamp($3 / 1000.0), to_timestamp($4 / 1000.0), $5)`,
    [id, coupon.opensAt, coupon.closesAt, coupon.expiresAt, coupon.validSeconds],
  );
}

export async function updateOffer(client: PoolClient, id: number, patch: OfferPatch): Promise<void> {
  const columns = {
    title: patch.title,
    capacity: patch.capacity,
    price_minor: patch.priceMinor,
    rooms: patch.rooms,
    stock_room: patch.stockRoom,
    per_entry: patch.perEntry,
    per_member: patch.perMember,
  };
  const changed = Object.entries(columns).filter(([, value]) => value !== undefined);
  const sets = changed.map(([column], at) => `${column} = $${at + 2}`);
  await client.query(
    `update offers set ${[...sets, 'version = version + 1'].join(', ')} where offer_id = $1`,
    [id, ...changed.map(([, value]) => value)],
  );
}

/** Repeat-safe. */
export async function withdrawOffer(client: PoolClient, id: number): Promise<void> {
  await client.query(
    'update offers set withdrawn_at = coalesce(withdrawn_at, now()), version = version + 1 where offer_id = $1',
    [id],
  );
}

export async function readCapacity(client: PoolClient, id: number): Promise<number | undefined> {
  const { rows } = await client.query<{ capacity: number }>(
    'select capacity from offers where offer_id = $1',
    [id],
  );
  return rows[0]?.capacity;
}
