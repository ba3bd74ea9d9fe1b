import { logLevels } from './log.ts';
import { list, oneOf, optionalSecret, text } from './settings.ts';

/** Settings that mean the same in every process that has them. */
export const bindAddress = text('BIND_ADDRESS', 'Address that the ports listen on', {
  fallback: '127.0.0.1',
});
export const logLevel = oneOf('LOG_LEVEL', 'Least severe level that is logged', logLevels, 'info');
export const metricsToken = optionalSecret(
  'METRICS_TOKEN',
  'When set, /metrics asks for it as bearer token',
  16,
);
export const signalToken = optionalSecret(
  'SIGNAL_TOKEN',
  'Bearer token by which the ticket service reports its stock to the room; unset: it reports none',
  16,
);
export const entryIssuer = text('ENTRY_ISSUER', 'Issuer named in entry tokens', { fallback: 'ropeline' });
export const trustedProxies = list(
  'TRUSTED_PROXIES',
  'Addresses and networks whose X-Forwarded-* headers are believed',
  [],
);
export const paymentCallbackSecret = optionalSecret(
  'PAYMENT_CALLBACK_SECRET',
  'Signs what the payment simulator tells the webhook; unset: it has no webhook',
);
