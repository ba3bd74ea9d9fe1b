import { AppError } from '@ropeline/core/errors.ts';
import type { Pool, PoolClient } from '@ropeline/core/postgres/connect.ts';
import type { FastifyRequest } from 'fastify';
import { LastBegun } from '../offers/last-begun.ts';
import type { Offer } from '../offers/offer.ts';
import type { OfferCatalog } from '../offers/offer-catalog.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What a call of a replaced system is about; set by {@link SourceOffers.finder}. */
    offer: Offer | null;
  }
}

export type SourceKind = 'ticket' | 'musical' | 'room' | 'coupon';
export type SourceOffer = { readonly sourceId: number; readonly offer: Offer };

type Row = { readonly kind: SourceKind; readonly source_id: number; readonly offer_id: number };

const freshMs = 1_000;

/**
 * The offers of the replaced systems by the ids that these know them by, in memory. What another process has added is
 * found within a second of being asked for.
 */
export class SourceOffers {
  readonly #pool: Pool;
  readonly #catalog: OfferCatalog;
  readonly #readings = new LastBegun();
  #rows: readonly Row[] = [];
  #offerIds = new Map<string, number>();
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(pool: Pool, catalog: OfferCatalog) {
    this.#pool = pool;
    this.#catalog = catalog;
  }

  /** preHandler: finds the offer of the call, or 404 `unknown-offer`. */
  finder(
    kind: SourceKind,
    sourceIdOf: (request: FastifyRequest) => number,
  ): (request: FastifyRequest) => Promise<void> {
    return async (request) => {
      request.offer = await this.#findOrRead(kind, sourceIdOf(request));
    };
  }

  async #findOrRead(kind: SourceKind, sourceId: number): Promise<Offer> {
    const known = this.#find(kind, sourceId);
    if (known !== undefined) return known;
    if (performance.now() - this.#readAt > freshMs) {
      await this.#read();
      await this.#catalog.refresh();
    }
    const found = this.#find(kind, sourceId);
    if (found === undefined) throw new AppError('unknown-offer');
    return found;
  }

  /** Those on sale, by their ids. */
  async list(kind: SourceKind): Promise<readonly SourceOffer[]> {
    if (performance.now() - this.#readAt > freshMs) await this.#read();
    return this.#rows.flatMap(({ kind: itsKind, source_id: sourceId, offer_id }) => {
      const offer = itsKind === kind ? this.#catalog.find(offer_id) : undefined;
      return offer === undefined || offer.isWithdrawn ? [] : [{ sourceId, offer }];
    });
  }

  /** A number that no room has; one that is not used stays free for ever. */
  async nextRoomId(): Promise<number> {
    const { rows } = await this.#pool.query<{ id: number }>(
      "select nextval('source_room_ids')::integer as id",
    );
    const [row] = rows;
    if (row === undefined) throw new Error('a sequence without a value');
    return row.id;
  }

  /** Gives an offer a number, in the transaction that makes it; `catchUp` then finds it. */
  async name(client: PoolClient, kind: SourceKind, sourceId: number, offerId: number): Promise<void> {
    await client.query('insert into source_offers (kind, source_id, offer_id) values ($1, $2, $3)', [
      ...[kind, sourceId, offerId],
    ]);
  }

  /** Reads anew for who has changed something already: when that fails, the next search reads. */
  async catchUp(): Promise<void> {
    await this.#read().catch(() => {
      this.#readAt = Number.NEGATIVE_INFINITY;
    });
  }

  #find(kind: SourceKind, sourceId: number): Offer | undefined {
    const offerId = this.#offerIds.get(`${kind} ${sourceId}`);
    const offer = offerId === undefined ? undefined : this.#catalog.find(offerId);
    return offer?.isWithdrawn ? undefined : offer;
  }

  async #read(): Promise<void> {
    const isLatest = this.#readings.begin();
    const askedAt = performance.now();
    const { rows } = await this.#pool.query<Row>(
      'select kind, source_id, offer_id from source_offers order by kind, source_id',
    );
    if (!isLatest()) return;
    this.#rows = rows;
    this.#offerIds = new Map(rows.map(({ kind, source_id, offer_id }) => [`${kind} ${source_id}`, offer_id]));
    this.#readAt = askedAt;
  }
}

/** The offer of a request that a finder let through. */
export function offerIn({ offer }: FastifyRequest): Offer {
  if (offer === null) throw new AppError('unknown-offer');
  return offer;
}
