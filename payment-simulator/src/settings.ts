import { logLevels } from '@ropeline/core/log.ts';
import { integer, oneOf, optionalSecret, optionalText, port, text } from '@ropeline/core/settings.ts';

export const settings = {
  port: port('PAYMENT_PORT', 'port of the payment simulator', 8082),
  bindAddress: text('BIND_ADDRESS', 'address to listen on', { fallback: '127.0.0.1' }),
  dataDir: text('DATA_DIR', 'folder of the ledger when LEDGER_FILE is not set', { fallback: '.data' }),
  ledgerFile: optionalText('LEDGER_FILE', 'the ledger: one JSON line per charge or refund'),
  seed: integer(
    'PAYMENT_SEED',
    'start of the random numbers that decide declines, errors and hangs',
    { min: 0, max: 0xffff_ffff },
    { fallback: 1 },
  ),
  metricsToken: optionalSecret('METRICS_TOKEN', 'when set, /metrics asks for it as bearer token', 16),
  logLevel: oneOf('LOG_LEVEL', 'least severe level that is logged', logLevels, 'info'),
};
