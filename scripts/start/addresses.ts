import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a running installation is reached; other commands and tests read it from `DATA_DIR/addresses.json`. */
export type Addresses = {
  readonly gateway: string;
  readonly control: string;
  readonly ticket: string;
  readonly payment: string;
  readonly workers: string;
  readonly redis: string;
  readonly ticketRedis: string;
  readonly database: string;
  /** Undefined when only the hashes of operator tokens were given. */
  readonly operatorToken?: string;
};

const file = (dataDir: string): string => join(dataDir, 'addresses.json');

/** Only its owner may read it: the database address and the operator token are in it. */
export function writeAddresses(dataDir: string, addresses: Addresses): void {
  writeFileSync(file(dataDir), `${JSON.stringify(addresses, undefined, 2)}\n`, { mode: 0o600 });
}

/** Undefined when nothing runs on this folder. */
export function readAddresses(dataDir: string): Addresses | undefined {
  try {
    return JSON.parse(readFileSync(file(dataDir), 'utf8')) as Addresses;
  } catch {
    return undefined;
  }
}

export function forgetAddresses(dataDir: string): void {
  rmSync(file(dataDir), { force: true });
}

/** How this machine reaches what listens on `bindAddress`. */
export function localUrl(bindAddress: string, port: number): string {
  const host = bindAddress === '0.0.0.0' || bindAddress === '::' ? '127.0.0.1' : bindAddress;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
