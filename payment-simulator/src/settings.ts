import { ConfigError, loadSettings, type Values } from '@ropeline/core/config.ts';
import { integer, optionalText, optionalUrl, port, text } from '@ropeline/core/settings.ts';
import {
  bindAddress,
  logLevel,
  metricsToken,
  paymentCallbackSecret,
} from '@ropeline/core/shared-settings.ts';

export const settings = {
  port: port('PAYMENT_PORT', 'port of the payment simulator', 8082),
  bindAddress,
  dataDir: text('DATA_DIR', 'folder of the ledger when LEDGER_FILE is not set', { fallback: '.data' }),
  ledgerFile: optionalText('LEDGER_FILE', 'the ledger: one JSON line per charge or refund'),
  seed: integer(
    'PAYMENT_SEED',
    'start of the random numbers that decide declines, errors and hangs',
    { min: 0, max: 0xffff_ffff },
    { fallback: 1 },
  ),
  callbackUrl: optionalUrl(
    'PAYMENT_CALLBACK_URL',
    'the webhook that is told what became of charges; unset: none is',
  ),
  callbackSecret: paymentCallbackSecret,
  metricsToken,
  logLevel,
};

type Config = Values<typeof settings> & {
  readonly target: { readonly url: string; readonly secret: string } | undefined;
};

/** Throws {@link ConfigError} naming every problem. */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const config = loadSettings(settings, env);
  const { callbackUrl: url, callbackSecret: secret } = config;
  if (url === undefined) return { ...config, target: undefined };
  if (secret === undefined) {
    throw new ConfigError([
      'PAYMENT_CALLBACK_SECRET is required with PAYMENT_CALLBACK_URL: it signs callbacks',
    ]);
  }
  return { ...config, target: { url, secret } };
}
