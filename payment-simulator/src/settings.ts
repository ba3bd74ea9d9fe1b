import { integer, optionalText, port, text } from '@ropeline/core/settings.ts';
import { bindAddress, logLevel, metricsToken } from '@ropeline/core/shared-settings.ts';

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
  metricsToken,
  logLevel,
};
