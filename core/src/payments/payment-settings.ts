import { ConfigError, type Values } from '../config.ts';
import { integer, oneOf, optionalSecret, url } from '../settings.ts';
import { paymentCallbackSecret } from '../shared-settings.ts';

/** Settings of whoever asks the payment provider. */
export const paymentSettings = {
  paymentProvider: oneOf(
    'PAYMENT_PROVIDER',
    'who takes the money: the payment simulator, or Stripe',
    ['simulator', 'stripe'],
    'simulator',
  ),
  paymentTimeoutMs: integer(
    'PAYMENT_TIMEOUT_MS',
    'how long the payment provider is waited for; then the outcome is unknown and asked for later',
    { min: 50, max: 8_000 },
    { fallback: 5_000, unit: 'ms' },
  ),
  paymentUrl: url('PAYMENT_URL', 'the payment simulator', { fallback: 'http://127.0.0.1:8082' }),
  stripeSecretKey: optionalSecret('STRIPE_SECRET_KEY', 'Stripe API key; required with `stripe`', 8),
  stripeUrl: url('STRIPE_URL', "Stripe's API, or stripe-mock", { fallback: 'https://api.stripe.com' }),
};

/** Settings of whoever hears what the provider calls back about. */
export const callbackSettings = {
  paymentCallbackSecret,
  stripeWebhookSecret: optionalSecret(
    'STRIPE_WEBHOOK_SECRET',
    "signing secret of Stripe's webhook endpoint; unset: there is no webhook, and outcomes are asked for",
    8,
  ),
};

export type PaymentConfig = Values<typeof paymentSettings>;
export type CallbackConfig = Values<typeof callbackSettings> & Pick<PaymentConfig, 'paymentProvider'>;

/** Throws {@link ConfigError}. */
export function checkPaymentConfig({ paymentProvider, stripeSecretKey }: PaymentConfig): void {
  if (paymentProvider === 'stripe' && stripeSecretKey === undefined) {
    throw new ConfigError(['STRIPE_SECRET_KEY is required with PAYMENT_PROVIDER=stripe']);
  }
}
