import { AppError } from '@ropeline/core/errors.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import type { Offer } from './offer.ts';

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

  list(): readonly Offer[] {
    return [...this.#offers.values()];
  }

  find(id: number): Offer | undefined {
    return this.#offers.get(id);
  }

  /** Throws 404 `unknown-offer`. */
  get(id: number): Offer {
    const offer = this.#offers.get(id);
    if (offer === undefined) throw new AppError('unknown-offer');
    return offer;
  }

  async #read(): Promise<void> {
    const { rows } = await this.#pool.query<OfferRow>(selectOffers);
    this.#offers = new Map(rows.map((row) => [row.id, decode(row)]));
  }
}

const selectOffers = `
  select offer_id as id, kind, title, capacity, price_minor, currency, rooms, stock_room, per_entry, per_member, created_at
  from offers
  order by offer_id`;

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
  readonly created_at: Date;
};

function decode({ price_minor, stock_room, per_entry, per_member, created_at, ...same }: OfferRow): Offer {
  return {
    ...same,
    priceMinor: Number(price_minor),
    stockRoom: stock_room,
    perEntry: per_entry,
    perMember: per_member,
    createdAt: created_at.getTime(),
  };
}
