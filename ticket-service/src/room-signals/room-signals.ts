import type { Logger } from '@ropeline/core/log.ts';
import type { Offer } from '../offers/offer.ts';
import type { StockCounts, StockSource } from '../offers/stock-counts.ts';
import { RoomSignal, type SendSignal } from './room-signal.ts';

type Parts = {
  /** Those on sale: what is left of a withdrawn offer is nobody's to buy. */
  readonly offers: () => readonly Offer[];
  readonly stock: StockSource;
  readonly send: SendSignal;
  readonly log: Logger;
};

/**
 * Tells every stock room the sum of the stock over its offers. Nothing here is awaited by a sale. A room whose
 * offers are not all known yet is told nothing, for half a sum could end its queue; nor is one that has no offer.
 */
export class RoomSignals {
  readonly #parts: Parts;
  readonly #rooms = new Map<string, RoomSignal>();
  #ignore: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  start(): void {
    this.#ignore = this.#parts.stock.onChange((offerId) => this.#changed(offerId));
    this.#tellAll();
    // A gateway that lost its memory, or an offer that has just come, hears the state within this time.
    this.#timer = setInterval(() => this.#tellAll(), repeatMs);
    this.#timer.unref();
  }

  /** Offers were made, changed or withdrawn. */
  readonly check = (): void => {
    for (const { stockRoom } of this.#parts.offers()) if (stockRoom !== null) this.#signal(stockRoom);
    for (const signal of this.#rooms.values()) signal.check();
  };

  /** What is being sent is finished or given up within its deadline. */
  async stop(): Promise<void> {
    this.#ignore?.();
    clearInterval(this.#timer);
    await Promise.all([...this.#rooms.values()].map((signal) => signal.stop()));
  }

  #changed(offerId: number): void {
    const room = this.#parts.offers().find(({ id }) => id === offerId)?.stockRoom;
    if (room != null) this.#signal(room).changed();
  }

  #tellAll(): void {
    for (const { stockRoom } of this.#parts.offers()) {
      if (stockRoom !== null) this.#signal(stockRoom).repeat();
    }
  }

  #signal(room: string): RoomSignal {
    const known = this.#rooms.get(room);
    if (known !== undefined) return known;
    const { send, log } = this.#parts;
    const signal = new RoomSignal({ room, read: () => this.#sum(room), send, log });
    this.#rooms.set(room, signal);
    return signal;
  }

  #sum(room: string): StockCounts | undefined {
    const { stock } = this.#parts;
    const offers = this.#parts.offers().filter(({ stockRoom }) => stockRoom === room);
    if (offers.length === 0) return undefined;
    let sum: StockCounts = { capacity: 0, held: 0, sold: 0 };
    for (const { id } of offers) {
      const counts = stock.read(id);
      if (counts === undefined) return undefined;
      sum = {
        capacity: sum.capacity + counts.capacity,
        held: sum.held + counts.held,
        sold: sum.sold + counts.sold,
      };
    }
    return sum;
  }
}

const repeatMs = 10_000;
