import { AppError } from '@ropeline/core/errors.ts';
import type { Pool, PoolClient } from '@ropeline/core/postgres/connect.ts';
import { isRefusedForGood } from '@ropeline/core/postgres/sql-state.ts';
import { inTransaction, onConnection } from '@ropeline/core/postgres/transaction.ts';
import type { CapacityChange } from '../inventory/change-capacity.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { CouponTerms, Offer } from './offer.ts';
import type { OfferCatalog } from './offer-catalog.ts';

export type NewOffer = {
  readonly kind: Offer['kind'];
  readonly title: string;
  /** Of a pool; seats and nights count themselves. */
  readonly capacity: number;
  readonly priceMinor: number;
  readonly currency: string;
  readonly rooms: readonly string[];
  readonly stockRoom: string | null;
  readonly perEntry: number | null;
  readonly perMember: number | null;
  readonly shards: number;
  readonly seats: readonly { readonly seat: string; readonly section: string; readonly priceMinor: number }[];
  readonly nights: Offer['nights'];
  /** Makes the pool a coupon. */
  readonly coupon?: CouponTerms;
  readonly hostId: Offer['hostId'];
};

export type OfferPatch = Partial<
  Pick<NewOffer, 'title' | 'capacity' | 'priceMinor' | 'rooms' | 'stockRoom' | 'perEntry' | 'perMember'>
>;

type Parts = {
  readonly pool: Pool;
  readonly inventory: Inventory;
  readonly catalog: OfferCatalog;
};

/** Class of the advisory locks under which one offer is changed by one at a time. */
const lockClass = 7_206_002;

/**
 * Makes, changes and withdraws offers. Postgres and the stock Redis both know a capacity, and Redis must never know
 * the larger one: more units go to Postgres first, fewer to Redis first. A change that was cut short between the two
 * is finished by making it again, or by the reconciler.
 */
export class OfferEditor {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async create(offer: NewOffer): Promise<Offer> {
    const { pool, catalog } = this.#parts;
    const id = await inTransaction(pool, (client) => insertOffer(client, offer));
    await catalog.refresh();
    return catalog.get(id);
  }

  /** 409 `conflict` when fewer units are wanted than are held and sold. */
  async change(id: number, patch: OfferPatch): Promise<Offer> {
    await this.#alone(id, async (client) => {
      const before = this.#parts.catalog.get(id);
      if (patch.capacity !== undefined && before.kind !== 'pool')
        throw new AppError('bad-request', { detail: `An offer of ${before.kind} counts its units itself` });
      if (patch.priceMinor !== undefined && before.kind === 'seats')
        throw new AppError('bad-request', { detail: 'Seats have the prices of their sections' });
      const { rows } = await client.query<{ capacity: number }>(
        'select capacity from offers where offer_id = $1',
        [id],
      );
      const fewer = patch.capacity !== undefined && patch.capacity < (rows[0]?.capacity ?? 0);
      if (fewer) await this.#setUnits(before, patch.capacity);
      await updateOffer(client, id, patch);
      if (!fewer && patch.capacity !== undefined) await this.#setUnits(before, patch.capacity);
    });
    return this.#parts.catalog.get(id);
  }

  /** No longer for sale; orders that are there go on. Repeat-safe. */
  async withdraw(id: number): Promise<void> {
    await this.#alone(id, async (client) => {
      await client.query(
        'update offers set withdrawn_at = coalesce(withdrawn_at, now()), version = version + 1 where offer_id = $1',
        [id],
      );
    });
  }

  /** Gives the stock as many units as Postgres says. */
  async align(id: number): Promise<void> {
    await this.#alone(id, async (client) => {
      const { rows } = await client.query<{ capacity: number }>(
        'select capacity from offers where offer_id = $1',
        [id],
      );
      const [row] = rows;
      if (row !== undefined) await this.#setUnits(this.#parts.catalog.get(id), row.capacity);
    });
  }

  async #setUnits(offer: Offer, capacity: number): Promise<void> {
    const change: CapacityChange = await this.#parts.inventory.changeCapacity(offer, capacity);
    if (change.kind === 'unknown-offer') throw new AppError('not-ready', { retryAfterSeconds: 2 });
    if (change.kind === 'too-low') {
      const { held, sold } = change.stock;
      throw new AppError('conflict', { detail: 'So many units are held and sold', members: { held, sold } });
    }
  }

  async #alone(id: number, act: (client: PoolClient) => Promise<void>): Promise<void> {
    const { pool, catalog } = this.#parts;
    try {
      await onConnection(pool, async (client, noteBroken) => {
        await client.query('select pg_advisory_lock($1, $2)', [lockClass, id]);
        try {
          await act(client);
        } finally {
          await client.query('select pg_advisory_unlock($1, $2)', [lockClass, id]).catch(noteBroken);
        }
      });
    } catch (error) {
      throw asConflict(error);
    }
    await catalog.refresh();
  }
}

/** Postgres is a moment behind Redis: units that are free there may not be so here yet. */
function asConflict(error: unknown): unknown {
  if (error instanceof AppError || !isRefusedForGood(error)) return error;
  return new AppError('unavailable', {
    detail: 'Orders are being written down',
    retryAfterSeconds: 1,
    cause: error,
  });
}

async function insertOffer(client: PoolClient, offer: NewOffer): Promise<number> {
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

async function updateOffer(client: PoolClient, id: number, patch: OfferPatch): Promise<void> {
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
