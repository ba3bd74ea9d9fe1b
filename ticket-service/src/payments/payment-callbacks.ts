import type { PaymentProvider } from '@ropeline/core/payments/provider.ts';
import type { OrderLookup } from '../orders/order-lookup.ts';
import type { OrderSaga } from '../orders/order-saga.ts';
import type { PaymentRows } from './payment-rows.ts';

type Parts = {
  readonly payments: PaymentRows;
  readonly provider: PaymentProvider;
  readonly lookup: OrderLookup;
  readonly saga: OrderSaga;
};

/**
 * What came of a callback.
 * - `settled`: the provider was asked, and its final word is noted.
 * - `known`: that the money was taken is noted already.
 * - `unsettled`: the provider was asked and has no final word.
 * - `stranger`: a reference that is none of ours.
 */
export type HeardCallback = 'settled' | 'known' | 'unsettled' | 'stranger';

/**
 * A callback is a reason to ask the provider now instead of later, and nothing of it is believed. So it may come
 * before the answer of its charge, long after it, twice or in any order, and one that was forged with a stolen secret
 * gets nobody a ticket.
 */
export class PaymentCallbacks {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Throws when Redis or Postgres is away: the provider is to call back again. */
  async hear(reference: string, providerId?: string): Promise<HeardCallback> {
    const { payments, provider, lookup, saga } = this.#parts;
    const payment = await payments.ofReference(reference);
    if (payment === undefined) return 'stranger';
    const { orderId, attempt, state, amountMinor, currency } = payment;
    if (state === 'paid' || state === 'refund-due' || state === 'refunded') return 'known';
    const { kind } = await provider.find({ reference, amountMinor, currency }, providerId);
    if (kind !== 'paid' && kind !== 'declined') return 'unsettled';
    const found = await lookup.findToChange(orderId);
    if (found === undefined) return 'unsettled';
    await saga.conclude(found.order, attempt, kind);
    return 'settled';
  }
}
