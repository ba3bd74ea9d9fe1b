import { AppError } from '@ropeline/core/errors.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { PaymentProvider } from '@ropeline/core/payments/provider.ts';
import type { OrderLookup } from '../orders/order-lookup.ts';
import type { OrderSaga } from '../orders/order-saga.ts';
import type { PaymentRows, ReferredPayment } from './payment-rows.ts';

type Parts = {
  readonly payments: PaymentRows;
  readonly provider: PaymentProvider;
  readonly lookup: OrderLookup;
  readonly saga: OrderSaga;
  readonly log: Logger;
};

/**
 * What came of a callback.
 * - `settled`: the provider was asked, and its final word is noted.
 * - `known`: that the money was taken, or is back, is noted already.
 * - `refund-failed`: the provider was asked, and money that was given back has come back to us: it is due again.
 * - `unsettled`: the provider was asked and has no final word.
 * - `stranger`: a reference that is none of ours.
 */
export type HeardCallback = 'settled' | 'known' | 'refund-failed' | 'unsettled' | 'stranger';

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

  /** Throws when Redis, Postgres or, of a refund, the provider is away: the provider is to call back again. */
  async hear(reference: string, providerId?: string): Promise<HeardCallback> {
    const { payments, provider, lookup, saga } = this.#parts;
    const payment = await payments.ofReference(reference);
    if (payment === undefined) return 'stranger';
    const { orderId, attempt, state, amountMinor, currency } = payment;
    if (state === 'refunded') return this.#hearOfRefund(payment, reference, providerId);
    if (state === 'paid' || state === 'refund-due') return 'known';
    const { kind } = await provider.find({ reference, amountMinor, currency }, providerId);
    if (kind !== 'paid' && kind !== 'declined') return 'unsettled';
    const found = await lookup.findToChange(orderId);
    if (found === undefined) return 'unsettled';
    await saga.conclude(found.order, attempt, kind);
    return 'settled';
  }

  /** Nobody asks for a refund that was made: what this callback makes known must not be missed. */
  async #hearOfRefund(
    { orderId, attempt, amountMinor, currency }: ReferredPayment,
    reference: string,
    providerId: string | undefined,
  ): Promise<HeardCallback> {
    const { payments, provider, log } = this.#parts;
    const { kind, detail = kind } = await provider.findRefund(
      { reference, amountMinor, currency },
      providerId,
    );
    if (kind === 'unknown') throw new AppError('unavailable', { cause: detail, retryAfterSeconds: 5 });
    if (kind !== 'failed') return 'known';
    if (!(await payments.noteFailedRefund(orderId, attempt, `failed: ${detail}`))) return 'known';
    log.error({ correlationId: orderId, attempt, detail }, 'a refund that was made has failed: due again');
    return 'refund-failed';
  }
}
