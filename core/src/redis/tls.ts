import { readFileSync } from 'node:fs';
import type { Security } from './address.ts';

/**
 * How a client speaks TLS with an address; undefined where it does not. A private authority takes the place of the
 * well-known ones. Throws an `Error` that shows no part of the address when its file cannot be read.
 */
export function tlsOf({ tls, ca }: Security): { readonly ca?: Buffer } | undefined {
  if (!tls) return undefined;
  if (ca === undefined) return {};
  try {
    return { ca: readFileSync(ca) };
  } catch (cause) {
    throw new Error('names a ca that cannot be read', { cause });
  }
}
