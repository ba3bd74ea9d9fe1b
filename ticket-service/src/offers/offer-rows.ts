import type { Pool, PoolClient } from '@ropeline/core/postgres/connect.ts';
import type { CouponTerms, Offer, Seat } from './offer.ts';

/** Offers as Postgres has them. */

type Db = Pool | PoolClient;

/** One offer; undefined when there is none of the id. */
export async function readOffer(db: Db, id: number): Promise<Offer | undefined> {
  const [row] = await readOfferRows(db, [id]);
  if (row === undefined) return undefined;
  const seats = row.kind === 'seats' ? (await readSeats(db, [id])).get(id) : undefined;
  return decodeOffer(row, seats);
}

/** All offers, those that were not withdrawn, or those of the ids; in the order of their ids. */
export async function readOfferRows(
  db: Db,
  wanted: 'all' | 'on-sale' | readonly number[],
): Promise<readonly OfferRow[]> {
  const where =
    wanted === 'all'
      ? 'true'
      : wanted === 'on-sale'
        ? 'withdrawn_at is null'
        : 'offer_id = any($1::integer[])';
  const { rows } = await db.query<OfferRow>(
    `select offer_id as id, kind, title, capacity, price_minor, currency, rooms, stock_room, per_entry, per_member,
       to_char(first_night, 'YYYY-MM-DD') as first_night, to_char(end_of_nights, 'YYYY-MM-DD') as end_of_nights,
       time_zone, shards, host_id, version, withdrawn_at is not null as is_withdrawn, created_at,
       coupons.offer_id is not null as is_coupon, opens_at, closes_at, expires_at, valid_seconds
     from offers left join coupons using (offer_id)
     where ${where}
     order by offer_id`,
    typeof wanted === 'string' ? [] : [wanted],
  );
  return rows;
}

/** The seat maps of offers, in their order. */
export async function readSeats(db: Db, ids: readonly number[]): Promise<Map<number, Map<string, Seat>>> {
  const maps = new Map(ids.map((id) => [id, new Map<string, Seat>()]));
  if (ids.length === 0) return maps;
  const { rows } = await db.query<SeatRow>(
    `select offer_id, seat, section, price_minor from seats where offer_id = any($1::integer[])
     order by offer_id, at`,
    [ids],
  );
  for (const { offer_id, seat, section, price_minor } of rows)
    maps.get(offer_id)?.set(seat, { section, priceMinor: Number(price_minor) });
  return maps;
}

type SeatRow = {
  readonly offer_id: number;
  readonly seat: string;
  readonly section: string;
  readonly price_minor: string;
};

export type OfferRow = {
  readonly id: number;
  readonly kind: Offer['kind'];
  readonly title: string;
  readonly capacity: number;
  /** bigint: text; the table keeps it below 2^53. */
  readonly price_minor: string;
  readonly currency: string;
  readonly rooms: readonly string[];
  readonly stock_room: string | null;
  readonly per_entry: number | null;
  readonly per_member: number | null;
  readonly first_night: string | null;
  readonly end_of_nights: string | null;
  readonly time_zone: string | null;
  readonly shards: number;
  readonly host_id: string | null;
  readonly version: number;
  readonly is_withdrawn: boolean;
  readonly created_at: Date;
  readonly is_coupon: boolean;
  readonly opens_at: Date | null;
  readonly closes_at: Date | null;
  readonly expires_at: Date | null;
  readonly valid_seconds: number | null;
};

const noSeats: ReadonlyMap<string, Seat> = new Map();

export function decodeOffer(row: OfferRow, seats: ReadonlyMap<string, Seat> = noSeats): Offer {
  const { id, kind, title, capacity, currency, rooms, shards, version, first_night, end_of_nights } = row;
  return {
    id,
    kind,
    title,
    capacity,
    currency,
    rooms,
    shards,
    version,
    seats,
    priceMinor: Number(row.price_minor),
    stockRoom: row.stock_room,
    perEntry: row.per_entry,
    perMember: row.per_member,
    nights:
      first_night === null || end_of_nights === null
        ? null
        : { first: first_night, end: end_of_nights, timeZone: row.time_zone },
    coupon: row.is_coupon ? decodeCoupon(row) : null,
    hostId: row.host_id,
    isWithdrawn: row.is_withdrawn,
    createdAt: row.created_at.getTime(),
  };
}

function decodeCoupon({ opens_at, closes_at, expires_at, valid_seconds }: OfferRow): CouponTerms {
  return {
    opensAt: opens_at?.getTime() ?? null,
    closesAt: closes_at?.getTime() ?? null,
    expiresAt: expires_at?.getTime() ?? null,
    validSeconds: valid_seconds,
  };
}
