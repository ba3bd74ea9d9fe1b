import { AppError } from '@ropeline/core/errors.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { LastBegun } from './last-begun.ts';
import { type CouponOffer, type CouponTerms, couponIn, isCoupon, type Offer, type Seat } from './offer.ts';

const refreshMs = 5_000;

/**
 * Every offer, in memory: an order looks one up without a query. At most 5 s behind Postgres; what it holds is
 * kept while Postgres is away.
 */
export class OfferCatalog {
  readonly #pool: Pool;
  readonly #log: Logger;
  readonly #onNew: () => Promise<void>;
  /** Offers of the first read, and those that `onNew` was called for. */
  readonly #known = new Set<number>();
  readonly #readings = new LastBegun();
  #offers = new Map<number, Offer>();
  #timer: NodeJS.Timeout | undefined;

  /** `onNew` is called after a read that found a new offer, and after the next ones until it succeeds. */
  constructor(pool: Pool, log: Logger, onNew: () => Promise<void>) {
    this.#pool = pool;
    this.#log = log;
    this.#onNew = onNew;
  }

  /** Reads all offers, and keeps reading. Throws when the first read fails. */
  async start(): Promise<void> {
    await this.#read();
    for (const id of this.#offers.keys()) this.#known.add(id);
    this.#timer = setInterval(() => {
      this.refresh().catch((error: unknown) => this.#log.warn({ err: error }, 'offers cannot be refreshed'));
    }, refreshMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async refresh(): Promise<void> {
    await this.#read();
    const added = [...this.#offers.keys()].filter((id) => !this.#known.has(id));
    if (added.length === 0) return;
    await this.#onNew();
    for (const id of added) this.#known.add(id);
  }

  /** Withdrawn ones too: what of them is held and sold goes on. */
  list(): readonly Offer[] {
    return [...this.#offers.values()];
  }

  find(id: number): Offer | undefined {
    return this.#offers.get(id);
  }

  /** Without coupons: those are issued. */
  listOnSale(): readonly Offer[] {
    return this.list().filter(({ isWithdrawn, coupon }) => !isWithdrawn && coupon === null);
  }

  /** Withdrawn ones too. */
  listCoupons(): readonly CouponOffer[] {
    return this.list().filter(isCoupon);
  }

  /** Throws 404 `unknown-offer`, also for one that was withdrawn and for an offer that is no coupon. */
  coupon(id: number): CouponOffer {
    return couponIn(this.onSale(id));
  }

  /** Throws 404 `unknown-offer`, also for one that was withdrawn. */
  onSale(id: number): Offer {
    const offer = this.get(id);
    if (offer.isWithdrawn) throw new AppError('unknown-offer');
    return offer;
  }

  /** Throws 404 `unknown-offer`. */
  get(id: number): Offer {
    const offer = this.#offers.get(id);
    if (offer === undefined) throw new AppError('unknown-offer');
    return offer;
  }

  async #read(): Promise<void> {
    const isLatest = this.#readings.begin();
    const { rows } = await this.#pool.query<OfferRow>(selectOffers);
    const seats = await this.#readSeats(rows);
    if (!isLatest()) return;
    this.#offers = new Map(
      rows.map((row) => [
        row.id,
        decode(row, seats.get(row.id) ?? this.#offers.get(row.id)?.seats ?? noSeats),
      ]),
    );
  }

  /** Seat maps of offers that are new or have changed: a map is as large as a house. */
  async #readSeats(rows: readonly OfferRow[]): Promise<Map<number, Map<string, Seat>>> {
    const stale = rows.filter(
      ({ id, kind, version }) => kind === 'seats' && this.#offers.get(id)?.version !== version,
    );
    const maps = new Map(stale.map(({ id }) => [id, new Map<string, Seat>()]));
    if (stale.length === 0) return maps;
    const { rows: seats } = await this.#pool.query<SeatRow>(selectSeats, [[...maps.keys()]]);
    for (const { offer_id, seat, section, price_minor } of seats)
      maps.get(offer_id)?.set(seat, { section, priceMinor: Number(price_minor) });
    return maps;
  }
}

const selectOffers = `
  select offer_id as id, kind, title, capacity, price_minor, currency, rooms, stock_room, per_entry, per_member,
    to_char(first_night, 'YYYY-MM-DD') as first_night, to_char(end_of_nights, 'YYYY-MM-DD') as end_of_nights, time_zone,
    shards, host_id, version, withdrawn_at is not null as is_withdrawn, created_at,
    coupons.offer_id is not null as is_coupon, opens_at, closes_at, expires_at, valid_seconds
  from offers left join coupons using (offer_id)
  order by offer_id`;

const selectSeats = `
  select offer_id, seat, section, price_minor from seats where offer_id = any($1::integer[]) order by offer_id, at`;

const noSeats: ReadonlyMap<string, Seat> = new Map();

type SeatRow = {
  readonly offer_id: number;
  readonly seat: string;
  readonly section: string;
  readonly price_minor: string;
};

type OfferRow = {
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

function decode(row: OfferRow, seats: ReadonlyMap<string, Seat>): Offer {
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
