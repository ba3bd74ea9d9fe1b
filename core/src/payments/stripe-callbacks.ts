import Stripe from 'stripe';
import type { CallbackReader } from './provider.ts';
import { referenceMetadata } from './stripe-outcomes.ts';

/** Reads the events of a Stripe webhook endpoint; only those of a PaymentIntent with our reference are about a charge. */
export function stripeCallbacks(webhookSecret: string): CallbackReader {
  // Signatures are checked offline: this key is never sent.
  const { webhooks } = new Stripe('unused', { telemetry: false });
  return ({ headers, body }) => {
    const signature = headers['stripe-signature'];
    if (typeof signature !== 'string') return { kind: 'forged' };
    let event: Stripe.Event;
    try {
      event = webhooks.constructEvent(body, signature, webhookSecret);
    } catch {
      return { kind: 'forged' };
    }
    if (!event.type.startsWith('payment_intent.')) return { kind: 'other' };
    const { id, metadata } = event.data.object as Stripe.PaymentIntent;
    const reference = metadata?.[referenceMetadata];
    return reference === undefined ? { kind: 'other' } : { kind: 'charge', reference, providerId: id };
  };
}
