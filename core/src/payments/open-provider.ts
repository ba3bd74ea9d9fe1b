import { httpCallbacks, httpProvider } from './http-provider.ts';
import type { CallbackConfig, PaymentConfig } from './payment-settings.ts';
import type { CallbackReader, PaymentProvider } from './provider.ts';

/** The provider that the settings name. Stripe's library is loaded only where it is used: it is large. */
export async function openProvider(config: PaymentConfig): Promise<PaymentProvider> {
  const { paymentProvider, paymentUrl, paymentTimeoutMs, stripeSecretKey, stripeUrl } = config;
  switch (paymentProvider) {
    case 'simulator':
      return httpProvider({ url: paymentUrl, timeoutMs: paymentTimeoutMs });
    case 'stripe': {
      const { stripeProvider } = await import('./stripe-provider.ts');
      return stripeProvider({
        url: stripeUrl,
        secretKey: stripeSecretKey ?? '',
        timeoutMs: paymentTimeoutMs,
      });
    }
    default:
      return paymentProvider satisfies never;
  }
}

/** Reads what that provider calls back about; undefined without the secret that signs it. */
export async function openCallbacks(config: CallbackConfig): Promise<CallbackReader | undefined> {
  const { paymentProvider, paymentCallbackSecret, stripeWebhookSecret } = config;
  switch (paymentProvider) {
    case 'simulator':
      return paymentCallbackSecret === undefined ? undefined : httpCallbacks(paymentCallbackSecret);
    case 'stripe': {
      if (stripeWebhookSecret === undefined) return undefined;
      const { stripeCallbacks } = await import('./stripe-callbacks.ts');
      return stripeCallbacks(stripeWebhookSecret);
    }
    default:
      return paymentProvider satisfies never;
  }
}
