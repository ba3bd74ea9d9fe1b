import { AppError } from '@ropeline/core/errors.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import type { OrderRecord, OrderState } from '@ropeline/core/stock/order-record.ts';
import type { Offer } from '../offers/offer.ts';
import type { OrderDesk } from '../orders/order-desk.ts';
import type { Found, OrderLookup } from '../orders/order-lookup.ts';
import type { OrderSaga } from '../orders/order-saga.ts';
import type { PaymentState } from '../payments/payment-rows.ts';

/** What the caller says of a book, and nobody here reads. */
export type BookWords = {
  readonly price: string | null;
  readonly hostId: string | null;
  readonly guestId: string | null;
};

export type Book = BookWords & {
  readonly id: number;
  readonly orderId: string;
  readonly roomId: number;
  /** `YYYY-MM-DD`; the nights are [startDate, endDate). */
  readonly startDate: string;
  readonly endDate: string;
};

export type BookWish = Omit<Book, 'id' | 'orderId'> & {
  readonly offer: Offer;
  readonly memberId: string;
  readonly entry: string | undefined;
};

export type BookedBook = { readonly book: Book; readonly order: OrderRecord };

export type BookPayment = {
  readonly reference: string;
  readonly state: PaymentState;
  readonly amountMinor: number;
  readonly currency: string;
};

type Parts = {
  readonly pool: Pool;
  readonly desk: OrderDesk;
  readonly lookup: OrderLookup;
  readonly saga: OrderSaga;
};

/**
 * Books of the hotel system: reserved and paid in one call. A book is an order of nights; its row, which gives it a
 * number, is written before money moves. It counts for nothing while the order is not PAYING or COMPLETED, so whoever
 * dies between the steps leaves only a hold that runs out.
 */
export class Books {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * COMPLETED, or PAYING while it is not known whether the payment went through: it is then settled by itself.
   * Else throws what stood in the way, and nothing is left: 409 `taken`, 402 `payment-declined`, 503. That a hold ran
   * out between the two steps is 503, too: the caller knows of no hold, and may ask again.
   */
  async book({ offer, memberId, entry, ...words }: BookWish): Promise<BookedBook> {
    const { desk, saga } = this.#parts;
    const wanted = { from: words.startDate, to: words.endDate };
    const { order } = await desk.place({ offer, memberId, wanted, entry, idempotencyKey: '' });
    const book = await this.#insert(order.orderId, words).catch(async (cause: unknown) => {
      await saga.cancel(order, true);
      throw cause;
    });
    const outcome = await saga.pay(order);
    switch (outcome.kind) {
      case 'completed':
      case 'paying':
        return { book, order: outcome.order };
      case 'unavailable':
      case 'method-required':
        await saga.cancel(order, true);
        await this.#forget(book);
        throw new AppError('payment-unavailable', { retryAfterSeconds: 2 });
      case 'declined':
        await this.#forget(book);
        throw new AppError('payment-declined');
      case 'hold-expired':
      case 'hold-lost':
      case 'wrong-state':
        await this.#forget(book);
        throw new AppError('unavailable', { retryAfterSeconds: 1 });
      default:
        return outcome satisfies never;
    }
  }

  /** Throws 404 `unknown-order`, also for one that was deleted or never paid for. */
  async read(bookId: number): Promise<BookedBook> {
    const book = await this.#row(bookId);
    const found = await this.#parts.lookup.find(book.orderId);
    return { book, order: standing(found).order };
  }

  /** The nights are free at once; the money goes back by itself. Throws 404, 409 `wrong-state` while PAYING. */
  async cancel(bookId: number): Promise<void> {
    const { orderId } = await this.#row(bookId);
    const { order, inRedis } = standing(await this.#parts.lookup.findToChange(orderId));
    const outcome = await this.#parts.saga.cancel(order, inRedis);
    if (outcome.kind === 'cancelled') return;
    if (outcome.kind !== 'wrong-state') throw new AppError(outcome.kind);
    throw new AppError('wrong-state', { members: { state: outcome.state } });
  }

  /** Of the latest attempt, also of a book that was deleted. Throws 404 `unknown-order`. */
  async payment(bookId: number): Promise<{ readonly book: Book; readonly payment: BookPayment }> {
    const book = await this.#row(bookId);
    const { rows } = await this.#parts.pool.query<{
      reference: string;
      state: PaymentState;
      amount_minor: string;
      currency: string;
    }>(
      `select reference, state, amount_minor, currency from payments where order_id = $1
       order by attempt desc limit 1`,
      [book.orderId],
    );
    const [row] = rows;
    if (row === undefined) throw new AppError('unknown-order');
    const { reference, state, amount_minor, currency } = row;
    return { book, payment: { reference, state, amountMinor: Number(amount_minor), currency } };
  }

  async #insert(orderId: string, words: Omit<Book, 'id' | 'orderId'>): Promise<Book> {
    const { roomId, startDate, endDate, price, hostId, guestId } = words;
    const { rows } = await this.#parts.pool.query<{ book_id: number }>(
      `insert into source_books (order_id, room_id, start_date, end_date, price, host_id, guest_id)
       values ($1, $2, $3::date, $4::date, $5, $6, $7) returning book_id`,
      [orderId, roomId, startDate, endDate, price, hostId, guestId],
    );
    const id = rows[0]?.book_id;
    if (id === undefined) throw new Error('a book without an id');
    return { id, orderId, ...words };
  }

  async #row(bookId: number): Promise<Book> {
    const { rows } = await this.#parts.pool.query<Book>(
      `select book_id as id, order_id as "orderId", room_id as "roomId", price, host_id as "hostId",
         guest_id as "guestId", to_char(start_date, 'YYYY-MM-DD') as "startDate",
         to_char(end_date, 'YYYY-MM-DD') as "endDate"
       from source_books where book_id = $1`,
      [bookId],
    );
    const [book] = rows;
    if (book === undefined) throw new AppError('unknown-order');
    return book;
  }

  async #forget({ id }: Book): Promise<void> {
    await this.#parts.pool.query('delete from source_books where book_id = $1', [id]);
  }
}

const standingStates: ReadonlySet<OrderState> = new Set(['PAYING', 'COMPLETED']);

function standing(found: Found | undefined): Found {
  if (found === undefined || !standingStates.has(found.order.state)) throw new AppError('unknown-order');
  return found;
}
