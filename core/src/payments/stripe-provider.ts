import { setTimeout as delay } from 'node:timers/promises';
import Stripe from 'stripe';
import type { Charge, ChargeOutcome, PaymentProvider, RefundOutcome } from './provider.ts';
import {
  outcomeOfChargeError,
  outcomeOfIntent,
  outcomeOfRefunds,
  referenceMetadata,
  stripeAmount,
  wordsOf,
} from './stripe-outcomes.ts';

type Options = {
  readonly url: string;
  readonly secretKey: string;
  /** Deadline of every call of the interface. */
  readonly timeoutMs?: number;
};

/** Longer than Stripe's search may be behind (an hour), shorter than it keeps idempotency keys (a day). */
const searchSettledMs = 2 * 3_600_000;

/**
 * Payments by Stripe: a charge is one PaymentIntent, made and confirmed in one call with the payer's payment method.
 *
 * The reference is the idempotency key, which Stripe keeps for a day, and stands in the metadata, which its search
 * finds after a minute, at the latest after an hour. So a charge that may have been sent before is searched first and
 * sent again only then: at any time one of the two knows it. What neither knows after two hours was never made, and
 * is declined instead of being charged long after the payer has gone.
 */
export function stripeProvider({ url, secretKey, timeoutMs = 5_000 }: Options): PaymentProvider {
  const { hostname, port, protocol } = new URL(url);
  const isPlain = protocol === 'http:';
  const stripe = new Stripe(secretKey, {
    host: hostname,
    port: port || (isPlain ? 80 : 443),
    protocol: isPlain ? 'http' : 'https',
    timeout: timeoutMs,
    // A refusal of the library's second try would say nothing of its first; and it is asked for again anyway.
    maxNetworkRetries: 0,
    telemetry: false,
  });

  async function look({ reference }: Charge, id?: string): Promise<Stripe.PaymentIntent | undefined> {
    let found = id;
    if (found === undefined) {
      const query = `metadata['${referenceMetadata}']:'${reference}'`;
      found = (await stripe.paymentIntents.search({ query, limit: 1 })).data[0]?.id;
    }
    if (found === undefined) return undefined;
    // What the search shows of it may be old, and what a callback names may be somebody else's.
    const intent = await stripe.paymentIntents.retrieve(found);
    return intent.metadata[referenceMetadata] === reference ? intent : undefined;
  }

  async function charge(wanted: Charge): Promise<ChargeOutcome> {
    const { reference, amountMinor, currency, method, firstSentAt } = wanted;
    if (firstSentAt !== undefined) {
      const intent = await look(wanted);
      if (intent !== undefined) return outcomeOfIntent(intent);
      if (Date.now() - firstSentAt > searchSettledMs)
        return { kind: 'declined', detail: 'it was never made' };
    }
    if (method === undefined) {
      return { kind: firstSentAt === undefined ? 'error' : 'unknown', detail: 'no payment method' };
    }
    try {
      const intent = await stripe.paymentIntents.create(
        {
          amount: stripeAmount(amountMinor, currency),
          currency: currency.toLowerCase(),
          payment_method: method,
          automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
          confirm: true,
          // Nobody is there to take a further step: such a card is declined.
          error_on_requires_action: true,
          metadata: { [referenceMetadata]: reference },
        },
        { idempotencyKey: reference },
      );
      return outcomeOfIntent(intent);
    } catch (error) {
      return outcomeOfChargeError(error);
    }
  }

  async function refund(given: Charge): Promise<RefundOutcome> {
    const intent = await look(given);
    if (intent === undefined) return { kind: 'unknown', detail: 'not found' };
    const { id, status, amount } = intent;
    if (status === 'canceled' || status === 'requires_payment_method')
      return { kind: 'nothing', detail: status };
    const known = outcomeOfRefunds(amount, await refundsOf(id));
    if (known !== undefined) return known;
    try {
      const made = await stripe.refunds.create(
        { payment_intent: id, metadata: { [referenceMetadata]: given.reference } },
        { idempotencyKey: `${given.reference}:refund` },
      );
      // Whatever it gives back is all that was left to give.
      return (
        outcomeOfRefunds(made.amount, [made]) ?? { kind: 'unknown', detail: `the refund is ${made.status}` }
      );
    } catch (error) {
      // Older than the key, and refunded meanwhile: Stripe never gives back more than was taken.
      if ((error as { code?: unknown }).code === 'charge_already_refunded') return { kind: 'refunded' };
      throw error;
    }
  }

  async function refundsOf(intentId: string): Promise<readonly Stripe.Refund[]> {
    return (await stripe.refunds.list({ payment_intent: intentId, limit: 100 })).data;
  }

  async function findRefund(given: Charge, id?: string): Promise<RefundOutcome> {
    const intent = await look(given, id);
    if (intent === undefined) return unknownReference;
    const none = { kind: 'failed', detail: 'there is no refund' } as const;
    return outcomeOfRefunds(intent.amount, await refundsOf(intent.id)) ?? none;
  }

  /** The outcome in time, or that it is unknown. */
  async function within<T>(outcome: Promise<T>): Promise<T | { kind: 'unknown'; detail: string }> {
    const stopped = new AbortController();
    const late = delay(timeoutMs, { kind: 'unknown' as const, detail: 'no answer in time' }, stopped);
    try {
      return await Promise.race([outcome, late]);
    } catch (error) {
      return { kind: 'unknown', detail: wordsOf(error) };
    } finally {
      stopped.abort();
      late.catch(() => undefined);
      outcome.catch(() => undefined);
    }
  }

  // Stripe charges no amount of nothing.
  const isFree = ({ amountMinor }: Charge): boolean => amountMinor === 0;
  return {
    needsMethod: true,
    charge: async (wanted) => (isFree(wanted) ? { kind: 'paid' } : within(charge(wanted))),
    async find(wanted, providerId) {
      if (isFree(wanted)) return { kind: 'paid' };
      const looked = look(wanted, providerId).then((intent) =>
        intent === undefined ? unknownReference : outcomeOfIntent(intent),
      );
      return within<ChargeOutcome>(looked);
    },
    refund: async (given) => (isFree(given) ? { kind: 'refunded' } : within(refund(given))),
    findRefund: async (given, id) => (isFree(given) ? { kind: 'refunded' } : within(findRefund(given, id))),
    // The library's connections are let go when they idle.
    close: async () => undefined,
  };
}

const unknownReference = { kind: 'unknown', detail: 'Stripe does not know the reference' } as const;
