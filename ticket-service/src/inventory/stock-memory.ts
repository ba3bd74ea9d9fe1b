import { free, type StockCounts } from '../offers/stock-counts.ts';

export type StockListener = (offerId: number) => void;

/** Nothing is left and nothing will come back by itself. */
export const isSoldOut = (stock: StockCounts): boolean => stock.held === 0 && free(stock) === 0;

type Known = {
  reading: StockCounts | undefined;
  /** Grows with every release: what was read across one says nothing. */
  releases: number;
  /** Monotonic ms until which "sold out" may be answered without asking; 0 = may not. */
  soldOutUntil: number;
  buyers: Buyers;
};

/** Members who ever ordered of an offer: they may be repeating a request, so Redis answers them. */
export type Buyers = {
  /** The epoch of the stock that they were read from. */
  readonly life: string;
  readonly members: ReadonlySet<string>;
};

const nobody: Buyers = { life: '', members: new Set() };

const rememberMs = 1_000;

/**
 * What this process knows of the stock, and the sold-out answer.
 *
 * "Sold out" is answered from here for at most a second after Redis said so, never to a member who has ordered of
 * the offer before, and not any more once a release is heard of.
 */
export class StockMemory {
  readonly #offers = new Map<number, Known>();
  readonly #listeners = new Set<StockListener>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Called with every reading that differs from the one before. Returns the way to stop it. */
  onChange(listener: StockListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The last reading, undefined before the first. */
  read(offerId: number): StockCounts | undefined {
    return this.#offers.get(offerId)?.reading;
  }

  /** The last reading while it stands for "sold out" to this member; else undefined: ask Redis. */
  soldOutTo(offerId: number, memberId: string): StockCounts | undefined {
    const known = this.#offers.get(offerId);
    if (known === undefined || this.#now() >= known.soldOutUntil || known.buyers.members.has(memberId))
      return undefined;
    return known.reading;
  }

  buyersOf(offerId: number): Buyers {
    return this.#of(offerId).buyers;
  }

  /** Take one before asking Redis and give it to `learnSoldOut`. */
  mark(offerId: number): { readonly releases: number; readonly askedAt: number } {
    return { releases: this.#of(offerId).releases, askedAt: this.#now() };
  }

  learn(offerId: number, reading: StockCounts): void {
    const known = this.#of(offerId);
    const before = known.reading;
    known.reading = reading;
    if (!isSoldOut(reading)) known.soldOutUntil = 0;
    if (before?.capacity === reading.capacity && before.held === reading.held && before.sold === reading.sold)
      return;
    for (const listener of this.#listeners) listener(offerId);
  }

  /** Nothing that was asked before a release counts. */
  learnSoldOut(
    offerId: number,
    reading: StockCounts,
    buyers: Buyers,
    mark: { readonly releases: number; readonly askedAt: number },
  ): void {
    const known = this.#of(offerId);
    if (known.releases !== mark.releases) return;
    known.buyers = buyers;
    this.learn(offerId, reading);
    if (isSoldOut(reading)) known.soldOutUntil = mark.askedAt + rememberMs;
  }

  /** Units came free. */
  released(offerId: number, reading?: StockCounts): void {
    const known = this.#of(offerId);
    known.releases += 1;
    known.soldOutUntil = 0;
    if (reading !== undefined) this.learn(offerId, reading);
  }

  #of(offerId: number): Known {
    const known = this.#offers.get(offerId);
    if (known !== undefined) return known;
    const fresh = { reading: undefined, releases: 0, soldOutUntil: 0, buyers: nobody };
    this.#offers.set(offerId, fresh);
    return fresh;
  }
}
