import {
  integer,
  list,
  optionalRedisAddress,
  optionalSecret,
  optionalText,
  optionalUrl,
  port,
  text,
} from '@ropeline/core/settings.ts';

/** What `npm start` itself reads; everything else in its environment reaches the processes untouched. */
export const settings = {
  dataDir: text('DATA_DIR', 'Folder of all state: data files, secrets, logs', { fallback: '.data' }),
  bindAddress: text('BIND_ADDRESS', 'Address that every process listens on', { fallback: '127.0.0.1' }),
  gatewayPort: port('GATEWAY_PORT', 'Port of the waiting room', 8080),
  controlPort: port('CONTROL_PORT', 'Port of the control plane', 8090),
  ticketPort: port('TICKET_PORT', 'Port of the ticket service', 8081),
  paymentPort: port('PAYMENT_PORT', 'Port of the payment simulator', 8082),
  workersPort: port('WORKERS_PORT', "Port of the workers' health and metrics", 8083),
  gateways: integer(
    'GATEWAYS',
    "Gateway processes on the gateway's port",
    { min: 1, max: 64 },
    { fallback: 1 },
  ),
  redisUrl: optionalRedisAddress('REDIS_URL', 'Redis of the queue; unset = a private one', [
    'server',
    'sentinel',
    'cluster',
  ]),
  ticketRedisUrl: optionalRedisAddress(
    'TICKET_REDIS_URL',
    'Redis of the stock, outbox and jobs; unset = a private one',
    ['server', 'sentinel'],
  ),
  databaseUrl: optionalUrl('DATABASE_URL', 'Postgres; unset = a private one'),
  upstream: optionalUrl('UPSTREAM', 'Site behind the room `demo`; unset = the ticket service'),
  roomsFile: optionalText('ROOMS_FILE', 'Rules of the rooms at the first start'),
  operatorToken: optionalSecret('OPERATOR_TOKEN', 'Operator token to use; unset = one is made', 8),
  operatorTokens: list('OPERATOR_TOKENS', 'Further operators, `name:role:sha256hex(token)` each', []),
  redisServer: optionalText('REDIS_SERVER', 'redis-server binary to use; unset = PATH, else a fetched one'),
};
