import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { partitionOfOffer } from '@ropeline/core/stock/stock-keys.ts';

type Known = { readonly names: ReadonlySet<string>; readonly readAt: number };

const freshMs = 500;

/**
 * Which named units of an offer somebody holds or has bought, at most half a second old: a thousand people who look at
 * one seat map cost Redis two reads a second.
 */
export class TakenNames {
  readonly #stock: () => StockClient;
  readonly #known = new Map<number, Known>();
  readonly #reading = new Map<number, Promise<ReadonlySet<string>>>();

  constructor(stock: () => StockClient) {
    this.#stock = stock;
  }

  /** Throws when Redis cannot be asked. */
  read(offerId: number): Promise<ReadonlySet<string>> {
    const known = this.#known.get(offerId);
    if (known !== undefined && performance.now() - known.readAt < freshMs)
      return Promise.resolve(known.names);
    const reading =
      this.#reading.get(offerId) ?? this.#read(offerId).finally(() => this.#reading.delete(offerId));
    this.#reading.set(offerId, reading);
    return reading;
  }

  async #read(offerId: number): Promise<ReadonlySet<string>> {
    const readAt = performance.now();
    const stock = this.#stock();
    const keys = stock.keysOf(partitionOfOffer(offerId, stock.partitions));
    const names = new Set(await stock.redis.hkeys(keys.units(offerId)));
    this.#known.set(offerId, { names, readAt });
    return names;
  }
}
