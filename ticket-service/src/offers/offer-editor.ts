import { AppError } from '@ropeline/core/errors.ts';
import type { Pool, PoolClient } from '@ropeline/core/postgres/connect.ts';
import { isRefusedForGood } from '@ropeline/core/postgres/sql-state.ts';
import { inTransaction, onConnection } from '@ropeline/core/postgres/transaction.ts';
import type { CapacityChange } from '../inventory/change-capacity.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { prepareOfferStock } from '../inventory/prepare-stock.ts';
import type { Offer } from './offer.ts';
import type { OfferCatalog } from './offer-catalog.ts';
import { readOffer } from './offer-rows.ts';
import {
  insertOffer,
  type NewOffer,
  type OfferPatch,
  readCapacity,
  updateOffer,
  withdrawOffer,
} from './write-offers.ts';

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
 *
 * What is answered is what Postgres has: that an offer (this one, or another) cannot be read or prepared after the
 * commit undoes nothing, and is made up for by the catalog.
 */
export class OfferEditor {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** `also` writes what belongs to the offer in the same transaction: both are there, or neither. */
  async create(
    offer: NewOffer,
    also: (client: PoolClient, offerId: number) => Promise<void> = async () => undefined,
  ): Promise<Offer> {
    const { pool, catalog } = this.#parts;
    const made = await inTransaction(pool, async (client) => {
      const id = await insertOffer(client, offer);
      await also(client, id);
      return existing(await readOffer(client, id));
    });
    await catalog.catchUp();
    return made;
  }

  /** 409 `conflict` when fewer units are wanted than are held and sold. */
  async change(id: number, patch: OfferPatch): Promise<Offer> {
    const before = this.#parts.catalog.get(id);
    requireChangeable(before, patch);
    return this.#alone(id, async (client) => {
      const { capacity } = patch;
      const now = (await readCapacity(client, id)) ?? 0;
      // Throws while the stock is shut, before anything has changed.
      if (capacity !== undefined) await prepareOfferStock(this.#parts.inventory.stock, before, now);
      const fewer = capacity !== undefined && capacity < now;
      if (fewer) await this.#setUnits(before, capacity);
      await updateOffer(client, id, patch);
      const changed = existing(await readOffer(client, id));
      if (!fewer && capacity !== undefined) await this.#setUnits(before, capacity);
      return changed;
    });
  }

  /** No longer for sale; orders that are there go on. Repeat-safe. */
  async withdraw(id: number): Promise<void> {
    await this.#alone(id, (client) => withdrawOffer(client, id));
  }

  /** Gives the stock as many units as Postgres says. */
  async align(id: number): Promise<void> {
    await this.#alone(id, async (client) => {
      const capacity = await readCapacity(client, id);
      if (capacity !== undefined) await this.#setUnits(this.#parts.catalog.get(id), capacity);
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

  async #alone<T>(id: number, act: (client: PoolClient) => Promise<T>): Promise<T> {
    const { pool, catalog } = this.#parts;
    const result = await onConnection(pool, async (client, noteBroken) => {
      try {
        await client.query('select pg_advisory_lock($1, $2)', [lockClass, id]);
        return await act(client);
      } finally {
        // Also where it was not given: a connection that died while it waited is found out here.
        await client.query('select pg_advisory_unlock($1, $2)', [lockClass, id]).catch(noteBroken);
      }
    }).catch((error: unknown) => {
      throw asConflict(error);
    });
    await catalog.catchUp();
    return result;
  }
}

function requireChangeable({ kind, coupon }: Offer, { capacity, priceMinor, perMember }: OfferPatch): void {
  if (capacity !== undefined && kind !== 'pool')
    throw new AppError('bad-request', { detail: `An offer of ${kind} counts its units itself` });
  if (priceMinor !== undefined && kind === 'seats')
    throw new AppError('bad-request', { detail: 'Seats have the prices of their sections' });
  if (coupon !== null && (priceMinor !== undefined || perMember !== undefined))
    throw new AppError('bad-request', { detail: 'A coupon costs nothing, and each member gets one' });
}

/** Deleted by hand within the statement that wrote it: nobody's to expect. */
function existing(offer: Offer | undefined): Offer {
  if (offer === undefined) throw new AppError('unknown-offer');
  return offer;
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
