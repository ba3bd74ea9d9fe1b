import Stripe from 'stripe';
import type { ChargeOutcome, RefundOutcome } from './provider.ts';

/** Where a PaymentIntent carries our reference. */
export const referenceMetadata = 'ropeline_reference';

/** Where Stripe counts in hundredths although ISO 4217 has no minor unit. */
const hundredthsAtStripe = new Set(['ISK', 'UGX']);

/** An amount in the unit that Stripe counts the currency in. */
export function stripeAmount(amountMinor: number, currency: string): number {
  return hundredthsAtStripe.has(currency) ? amountMinor * 100 : amountMinor;
}

/**
 * What a PaymentIntent says of its charge. Ours are made and confirmed in one call and never confirmed again, so one
 * that failed is declined for good.
 */
export function outcomeOfIntent({ status, last_payment_error }: Stripe.PaymentIntent): ChargeOutcome {
  if (status === 'succeeded') return { kind: 'paid' };
  const hasFailed = status === 'canceled' || (status === 'requires_payment_method' && last_payment_error);
  return hasFailed ? { kind: 'declined' } : { kind: 'unknown', detail: `the payment is ${status}` };
}

/** Codes of a connection that was never made: nothing has reached Stripe. */
const neverConnected = new Set(['ECONNREFUSED', 'ENOTFOUND']);

/** What a failed charge says of itself. A saved 5xx or a conflict may belong to a charge that was made. */
export function outcomeOfChargeError(error: unknown): ChargeOutcome {
  const detail = wordsOf(error);
  if (!(error instanceof Stripe.errors.StripeError)) return { kind: 'unknown', detail };
  if (error instanceof Stripe.errors.StripeCardError) return { kind: 'declined', detail };
  const refused =
    error instanceof Stripe.errors.StripeInvalidRequestError ||
    error instanceof Stripe.errors.StripeAuthenticationError ||
    error instanceof Stripe.errors.StripePermissionError;
  const { code } = (error.detail ?? {}) as { code?: unknown };
  const unsent = error.type === 'StripeConnectionError' && neverConnected.has(String(code));
  return { kind: refused || unsent ? 'error' : 'unknown', detail };
}

export function outcomeOfRefund({ status }: Stripe.Refund): RefundOutcome {
  // A pending refund is on its way and cannot be made twice; one that failed needs a person at Stripe's dashboard.
  return status === 'succeeded' || status === 'pending'
    ? { kind: 'refunded' }
    : { kind: 'unknown', detail: `the refund is ${status}` };
}

export function wordsOf(error: unknown): string {
  const { type, code, message } = error as { type?: string; code?: string; message?: string };
  return [type, code, message?.split('\n')[0]].filter(Boolean).join(' ') || 'no answer';
}
