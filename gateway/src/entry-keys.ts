import { readFileSync } from 'node:fs';
import { ConfigError } from '@ropeline/core/config.ts';
import { EntrySigner } from '@ropeline/core/token/entry-token.ts';
import type { JWK } from 'jose';

/** Reads `ENTRY_KEYS`: a JWK set, or a list of JWKs; the first signs. Throws {@link ConfigError} naming the file. */
export async function readEntryKeys(file: string): Promise<EntrySigner> {
  try {
    const parsed = JSON.parse(readFileSync(file, 'utf8')) as { keys?: JWK[] } | JWK[];
    return await EntrySigner.create(Array.isArray(parsed) ? parsed : (parsed.keys ?? []));
  } catch (error) {
    throw new ConfigError([`ENTRY_KEYS: ${file}: ${(error as Error).message}`]);
  }
}
