import Stripe from 'stripe';
import type { CallbackReader } from './provider.ts';
import { referenceMetadata } from './stripe-outcomes.ts';

/**
 * Reads the events of a Stripe webhook endpoint. About a charge are those of a PaymentIntent, or of a refund, that
 * carries our reference: every refund that we make does.
 */
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
    const intent = intentIn(event);
    const reference = intent?.metadata?.[referenceMetadata];
    if (intent === undefined || reference === undefined) return { kind: 'other' };
    return { kind: 'charge', reference, ...(intent.id === undefined ? {} : { providerId: intent.id }) };
  };
}

type Named = { readonly id: string | undefined; readonly metadata: Stripe.Metadata | null };

function intentIn({ type, data }: Stripe.Event): Named | undefined {
  if (type.startsWith('payment_intent.')) return data.object as Stripe.PaymentIntent;
  if (!type.startsWith('refund.') && type !== 'charge.refund.updated') return undefined;
  const { payment_intent, metadata } = data.object as Stripe.Refund;
  return { id: typeof payment_intent === 'string' ? payment_intent : payment_intent?.id, metadata };
}
