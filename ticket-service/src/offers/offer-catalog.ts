import { AppError } from '@ropeline/core/errors.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { LastBegun } from './last-begun.ts';
import { type CouponOffer, couponIn, isCoupon, type Offer } from './offer.ts';
import { decodeOffer, type OfferRow, readOfferRows, readSeats } from './offer-rows.ts';

const refreshMs = 5_000;

/**
 * Every offer, in memory: an order looks one up without a query. At most 5 s behind Postgres; what it holds is
 * kept while Postgres is away. A withdrawn offer changes no more: it is read once, so old ones cost nothing.
 */
export class OfferCatalog {
  readonly #pool: Pool;
  readonly #log: Logger;
  readonly #prepare: (offers: readonly Offer[]) => Promise<void>;
  /** Offers of the first read, and those that `prepare` was called for. */
  readonly #prepared = new Set<number>();
  readonly #readings = new LastBegun();
  #offers: ReadonlyMap<number, Offer> = new Map();
  #onSale: readonly Offer[] = [];
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  /** `prepare` is called with offers that are new, and with the same after the next reads until it succeeds. */
  constructor(pool: Pool, log: Logger, prepare: (offers: readonly Offer[]) => Promise<void>) {
    this.#pool = pool;
    this.#log = log;
    this.#prepare = prepare;
  }

  /** Reads all offers, and keeps reading. Throws when the first read fails. */
  async start(): Promise<void> {
    await this.#read('all');
    for (const { id } of this.#onSale) this.#prepared.add(id);
    this.#timer = setInterval(() => void this.catchUp(), refreshMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Called after a read that found an offer made, changed, withdrawn or gone. Returns the way to stop it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Throws when Postgres cannot be read. An offer that cannot be prepared now is logged and tried again. */
  async refresh(): Promise<void> {
    await this.#read('on-sale');
    const added = this.#onSale.filter(({ id }) => !this.#prepared.has(id));
    if (added.length === 0) return;
    try {
      await this.#prepare(added);
      for (const { id } of added) this.#prepared.add(id);
    } catch (error) {
      this.#log.warn({ err: error, offers: added.length }, 'new offers cannot be given their units yet');
    }
  }

  /** The same for who has done what there was to do: what fails is made up for by the next read. */
  async catchUp(): Promise<void> {
    await this.refresh().catch((error: unknown) =>
      this.#log.warn({ err: error }, 'offers cannot be refreshed'),
    );
  }

  /** Those that can be ordered or issued. */
  listOnSale(): readonly Offer[] {
    return this.#onSale;
  }

  /** Withdrawn ones too: what of them is held and sold goes on. */
  find(id: number): Offer | undefined {
    return this.#offers.get(id);
  }

  /** Withdrawn ones too. */
  listCoupons(): readonly CouponOffer[] {
    return [...this.#offers.values()].filter(isCoupon);
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

  async #read(which: 'all' | 'on-sale'): Promise<void> {
    const isLatest = this.#readings.begin();
    const found = await readOfferRows(this.#pool, which);
    const rows = [...found, ...(await this.#readMissing(found))];
    const seats = await readSeats(this.#pool, this.#changedMaps(rows));
    if (!isLatest()) return;
    const read = rows.map((row) => decodeOffer(row, seats.get(row.id) ?? this.#offers.get(row.id)?.seats));
    const withdrawn = [...this.#offers.values()].filter(({ isWithdrawn }) => isWithdrawn);
    const onSale = read.filter(({ isWithdrawn }) => !isWithdrawn);
    const isChanged =
      onSale.length !== this.#onSale.length ||
      onSale.some(({ id, version }) => this.#offers.get(id)?.version !== version);
    this.#offers = new Map([...withdrawn, ...read].map((offer) => [offer.id, offer]));
    this.#onSale = onSale;
    if (isChanged) for (const listener of this.#listeners) listener();
  }

  /** What was on sale and is not any more: withdrawn, or deleted. */
  async #readMissing(found: readonly OfferRow[]): Promise<readonly OfferRow[]> {
    const there = new Set(found.map(({ id }) => id));
    const missing = this.#onSale.map(({ id }) => id).filter((id) => !there.has(id));
    return missing.length === 0 ? [] : readOfferRows(this.#pool, missing);
  }

  /** Of offers that are new or have changed: a seat map is as large as a house. */
  #changedMaps(rows: readonly OfferRow[]): readonly number[] {
    return rows
      .filter(({ id, kind, version }) => kind === 'seats' && this.#offers.get(id)?.version !== version)
      .map(({ id }) => id);
  }
}
