import { parseArgs } from 'node:util';
import { Refusal } from './refusal.ts';

export type Options = { readonly reset: boolean; readonly help: boolean };

export const help = `npm start [-- --reset | --help]

Starts a whole Ropeline on this machine: Redis twice, Postgres, gateway, ticket service, workers, payment simulator.
State lives in DATA_DIR (.data). Ctrl-C stops everything.

  --reset   delete all state in DATA_DIR first
  --help    this text

Some settings (docs/configuration.md has them all), given as environment variables:
  UPSTREAM=http://localhost:3000   put the room "demo" in front of your own site
  GATEWAY_PORT, CONTROL_PORT, TICKET_PORT, PAYMENT_PORT, WORKERS_PORT   8080, 8090, 8081, 8082, 8083; 0 = any free one
  GATEWAYS=2                       gateway processes on the same port
  REDIS_URL, TICKET_REDIS_URL, DATABASE_URL   use yours instead of private ones
  OPERATOR_TOKEN                   use this token instead of a made one
  BIND_ADDRESS=0.0.0.0             be reachable from other machines`;

export function readOptions(args: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { reset: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
    return { reset: values.reset ?? false, help: values.help ?? false };
  } catch (error) {
    throw new Refusal(`${error instanceof Error ? error.message : error}\n\n${help}`);
  }
}
