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

/**
 * What the refunds of a PaymentIntent say of the money; undefined when none stands in the way of making one. One that
 * failed (also after it had succeeded: the card's account is closed) leaves the money with us, and Stripe says that
 * another to the same card fails too. What people then refund at Stripe's dashboard counts as any other.
 */
export function outcomeOfRefunds(
  amount: number,
  refunds: readonly Pick<Stripe.Refund, 'amount' | 'status' | 'failure_reason'>[],
): RefundOutcome | undefined {
  const inState = (...states: readonly string[]) =>
    refunds.filter(({ status }) => states.includes(status ?? ''));
  const back = inState('succeeded').reduce((sum, refund) => sum + refund.amount, 0);
  if (back >= amount) return { kind: 'refunded' };
  if (inState('pending', 'requires_action').length > 0) return { kind: 'pending' };
  const [failed] = inState('failed', 'canceled');
  if (failed === undefined) return undefined;
  return { kind: 'failed', detail: `${failed.status}: ${failed.failure_reason ?? 'no reason given'}` };
}

export function wordsOf(error: unknown): string {
  const { type, code, message } = error as { type?: string; code?: string; message?: string };
  return [type, code, message?.split('\n')[0]].filter(Boolean).join(' ') || 'no answer';
}
