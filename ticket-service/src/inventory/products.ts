import { AppError } from '@ropeline/core/errors.ts';
import type { Script } from '@ropeline/core/redis/script.ts';
import {
  cancelProduct,
  confirmProduct,
  type Reply,
  readStock,
  reserveProduct,
} from '@ropeline/core/stock/scripts.ts';
import { partitionOfProduct } from '@ropeline/core/stock/stock-keys.ts';
import { free, type StockCounts } from '../offers/stock-counts.ts';
import type { Inventory } from './inventory.ts';

export type ProductMove =
  | { readonly kind: 'done'; readonly stock: StockCounts }
  /** Not that many free (reserve), or reserved (confirm). */
  | { readonly kind: 'too-many'; readonly available: number }
  | { readonly kind: 'unknown' };

export type ProductRelease =
  | { readonly kind: 'done'; readonly released: number }
  | { readonly kind: 'unknown' };

/**
 * The products of the stock API: anonymous counters, without expiry or idempotency, that never go below 0 and of
 * which never more is reserved and sold than there is.
 */
export class Products {
  readonly #inventory: Inventory;

  constructor(inventory: Inventory) {
    this.#inventory = inventory;
  }

  async read(productId: number): Promise<StockCounts | undefined> {
    const partition = partitionOfProduct(productId, this.#inventory.partitions);
    const [, capacity = -1, held = 0, sold = 0] = await this.#inventory
      // A product has no members: its own key stands in for theirs, only its size is read.
      .run(readStock, partition, ({ epoch, product }) => [epoch, product(productId), product(productId)])
      .then((reply) => reply.map(Number));
    return capacity < 0 ? undefined : { capacity, held, sold };
  }

  reserve(productId: number, quantity: number): Promise<ProductMove> {
    return this.#move(reserveProduct, productId, quantity, free);
  }

  confirm(productId: number, quantity: number): Promise<ProductMove> {
    return this.#move(confirmProduct, productId, quantity, ({ held }) => held);
  }

  /** Releases what is there, at most `quantity`. */
  async cancel(productId: number, quantity: number): Promise<ProductRelease> {
    const [code, released] = await this.#run(cancelProduct, productId, quantity);
    return code === 5 ? { kind: 'unknown' } : { kind: 'done', released: Number(released) };
  }

  async #move(
    script: Script<Reply>,
    productId: number,
    quantity: number,
    left: (stock: StockCounts) => number,
  ): Promise<ProductMove> {
    const [code, ...counts] = await this.#run(script, productId, quantity);
    const [capacity = 0, held = 0, sold = 0] = counts.map(Number);
    const stock = { capacity, held, sold };
    if (code === 5) return { kind: 'unknown' };
    return code === 4 ? { kind: 'too-many', available: left(stock) } : { kind: 'done', stock };
  }

  async #run(script: Script<Reply>, productId: number, quantity: number): Promise<Reply> {
    const partition = partitionOfProduct(productId, this.#inventory.partitions);
    const reply = await this.#inventory.run(
      script,
      partition,
      ({ epoch, product }) => [epoch, product(productId)],
      [quantity],
    );
    if (reply[0] === 3) throw new AppError('bad-request', { detail: 'The quantity is not a whole number' });
    return reply;
  }
}
