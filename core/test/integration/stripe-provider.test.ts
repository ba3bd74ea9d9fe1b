import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { supplyStripeMock } from '../../../scripts/supply/stripe-mock.ts';
import { startStripeMock } from '../../../testing/start-stripe-mock.ts';
import { stripeProvider } from '../../src/payments/stripe-provider.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const mock = supplyStripeMock(root);
const reference = 'order-17:1';
const charge = { reference, amountMinor: 1_500, currency: 'KRW', method: 'pm_card_visa' };

/** The provider on a stripe-mock whose PaymentIntents are as told, our reference in them. */
async function open(intent: Record<string, unknown>, refund: Record<string, unknown> = {}) {
  if ('missing' in mock) throw new Error(mock.missing);
  const { url } = await startStripeMock(mock, {
    payment_intent: { metadata: { ropeline_reference: reference }, last_payment_error: null, ...intent },
    refund,
  });
  return stripeProvider({ url, secretKey: 'sk_test_123' });
}

if ('missing' in mock) {
  console.warn(`Stripe's provider is NOT tried against stripe-mock: ${mock.missing}.`);
  it.skip(`stripe-mock cannot be had: ${mock.missing}`);
} else {
  describe('Stripe, as stripe-mock answers and checks requests', () => {
    it('makes and confirms a payment in one call, and finds it again by its reference', async () => {
      const stripe = await open({ status: 'succeeded' });
      expect(await stripe.charge(charge)).toEqual({ kind: 'paid' });
      expect(await stripe.charge({ ...charge, firstSentAt: Date.now() })).toEqual({ kind: 'paid' });
      expect(await stripe.find(charge)).toEqual({ kind: 'paid' });
      expect(await stripe.find(charge, 'pi_123')).toEqual({ kind: 'paid' });
      expect(await stripe.refund(charge)).toEqual({ kind: 'refunded' });
    });

    it('knows a refund that is on its way, that has arrived, and that has failed', async () => {
      const intent = { status: 'succeeded', amount: 1_500 };
      for (const [status, kind] of [
        ['succeeded', 'refunded'],
        ['pending', 'pending'],
        ['requires_action', 'pending'],
        ['failed', 'failed'],
      ] as const) {
        const stripe = await open(intent, {
          status,
          amount: 1_500,
          failure_reason: 'expired_or_canceled_card',
        });
        expect((await stripe.refund(charge)).kind).toBe(kind);
        expect((await stripe.findRefund(charge)).kind).toBe(kind);
        const found = await stripe.findRefund(charge, 'pi_123');
        expect(found.kind).toBe(kind);
        if (kind === 'failed') expect(found.detail).toContain('expired_or_canceled_card');
        expect((await stripe.findRefund({ ...charge, reference: 'order-18:1' }, 'pi_123')).kind).toBe(
          'unknown',
        );
      }
    });

    it('takes a payment that failed for declined, with nothing to give back', async () => {
      const stripe = await open({
        status: 'requires_payment_method',
        last_payment_error: { type: 'card_error' },
      });
      expect((await stripe.charge(charge)).kind).toBe('declined');
      expect((await stripe.find(charge)).kind).toBe('declined');
      expect((await stripe.refund(charge)).kind).toBe('nothing');
    });

    it('does not know the outcome of a payment under way', async () => {
      const stripe = await open({ status: 'processing' });
      expect((await stripe.charge(charge)).kind).toBe('unknown');
      expect((await stripe.find(charge)).kind).toBe('unknown');
    });

    it('knows nothing of a reference that no payment carries, whatever a callback says', async () => {
      const stripe = await open({ status: 'succeeded' });
      const other = { ...charge, reference: 'order-18:1' };
      expect((await stripe.find(other, 'pi_123')).kind).toBe('unknown');
      expect((await stripe.find(other)).kind).toBe('unknown');
      expect((await stripe.refund(other)).kind).toBe('unknown');
    });

    it('declines what was never made instead of charging a payer who has long gone', async () => {
      const stripe = await open({ status: 'succeeded' });
      const lost = { ...charge, reference: 'order-18:1' };
      const hoursAgo = (hours: number) => Date.now() - hours * 3_600_000;
      expect((await stripe.charge({ ...lost, firstSentAt: hoursAgo(3) })).kind).toBe('declined');
      // An hour later the search may still be behind: the same call again, by its key.
      expect((await stripe.charge({ ...lost, firstSentAt: hoursAgo(1) })).kind).toBe('paid');
    });

    it('charges nobody whose payment method is not known, and nothing where nothing is due', async () => {
      const stripe = await open({ status: 'succeeded' });
      const { method: _, ...without } = charge;
      expect((await stripe.charge(without)).kind).toBe('error');
      const unsent = { ...without, reference: 'order-18:1', firstSentAt: Date.now() };
      expect((await stripe.charge(unsent)).kind).toBe('unknown');
      expect(await stripe.charge({ ...without, amountMinor: 0 })).toEqual({ kind: 'paid' });
    });

    it('takes a request that Stripe refuses for a proof that nothing was charged', async () => {
      const stripe = await open({ status: 'succeeded' });
      expect((await stripe.charge({ ...charge, amountMinor: 0.5 })).kind).toBe('error');
    });
  });
}
