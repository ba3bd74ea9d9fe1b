import {
  integer,
  list,
  optionalSecret,
  optionalText,
  port,
  redisAddress,
  secretList,
  text,
  url,
} from '@ropeline/core/settings.ts';
import {
  bindAddress,
  entryIssuer,
  logLevel,
  metricsToken,
  signalToken,
  trustedProxies,
} from '@ropeline/core/shared-settings.ts';

/** Every setting of the gateway (docs/configuration.md). */
export const settings = {
  gatewayPort: port('GATEWAY_PORT', 'Data plane: queue page, joins, reverse proxy', 8080),
  controlPort: port('CONTROL_PORT', 'Control plane: rooms, statistics, metrics; bind it privately', 8090),
  gateways: integer(
    'GATEWAYS',
    'Gateway processes that share the port; with more than one the control port goes to whoever has it free',
    { min: 1, max: 64 },
    { fallback: 1, unit: 'processes' },
  ),
  gatewayNumber: integer(
    'GATEWAY_NUMBER',
    'Which of those processes this one is: the label `process` of its metrics; each needs its own',
    { min: 1, max: 64 },
    { fallback: 1 },
  ),
  bindAddress,
  redisUrl: redisAddress('REDIS_URL', 'Redis of the queue', ['server', 'sentinel', 'cluster'], {
    fallback: 'redis://127.0.0.1:6379',
  }),
  upstream: url('UPSTREAM', 'Origin of the site behind rooms that name none', {
    fallback: 'http://127.0.0.1:8081',
  }),
  upstreamConnections: integer(
    'UPSTREAM_CONNECTIONS',
    'Most requests at once to one upstream; beyond them requests wait, then get 503',
    { min: 1, max: 10_000 },
    { fallback: 256, unit: 'connections' },
  ),
  placeSecrets: secretList(
    'PLACE_SECRET',
    'Signs place tickets; a comma list rotates: the first signs, all verify. Required unless PLACE_SECRET_FILE is set',
  ),
  placeSecretFile: optionalText(
    'PLACE_SECRET_FILE',
    'File of such secrets, one a line, the first signs; read again when it changes. Those of PLACE_SECRET verify too',
  ),
  entryKeysFile: text(
    'ENTRY_KEYS',
    'File of Ed25519 private JWKs; the first whose time has come signs entry tokens; read again when it changes',
  ),
  entryIssuer,
  roomsFile: text('ROOMS_FILE', 'Rooms that are made at start unless they exist', { fallback: 'rooms.yaml' }),
  operatorTokens: list(
    'OPERATOR_TOKENS',
    'Tokens of the control plane: name:role:sha256, comma-separated',
    [],
  ),
  operatorToken: optionalSecret('OPERATOR_TOKEN', 'Token of an admin named operator, in the clear', 8),
  signalToken,
  metricsToken,
  trustedProxies,
  maxConnections: integer(
    'MAX_CONNECTIONS',
    'Connections of one process; never more than the descriptor limit leaves',
    { min: 1, max: 1_000_000 },
    { fallback: 1_000_000, unit: 'connections' },
  ),
  drainSeconds: integer(
    'DRAIN_SECONDS',
    'How long a stopping gateway lets requests in flight finish',
    { min: 0, max: 300 },
    { fallback: 5, unit: 'seconds' },
  ),
  logLevel,
};
