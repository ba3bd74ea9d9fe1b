import { readFileSync } from 'node:fs';
import { ConfigError } from '@ropeline/core/config.ts';
import { type EntryKey, EntrySigner } from '@ropeline/core/token/entry-token.ts';
import { parsePlaceSecrets } from '@ropeline/core/token/place-secrets.ts';
import { type PlaceSecret, PlaceTickets } from '@ropeline/core/token/place-ticket.ts';

/** A JWK set, or a list of JWKs; the first whose time has come signs. Throws for what is not JSON. */
export function parseEntryKeys(text: string): readonly EntryKey[] {
  const parsed = JSON.parse(text) as { keys?: EntryKey[] } | EntryKey[];
  return Array.isArray(parsed) ? parsed : (parsed.keys ?? []);
}

/** Reads `ENTRY_KEYS`. Throws {@link ConfigError} naming the file. */
export async function readEntryKeys(file: string): Promise<EntrySigner> {
  try {
    return await EntrySigner.create(parseEntryKeys(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new ConfigError([`ENTRY_KEYS: ${file}: ${(error as Error).message}`]);
  }
}

/** Where place secrets come from: `PLACE_SECRET_FILE`, which may change, and `PLACE_SECRET`, which may not. */
export type PlaceSecretSources = { readonly file: string | undefined; readonly given: readonly string[] };

/** Those of the file before those of the environment. Throws when a file cannot be read or is wrong. */
export function placeSecretsOf({ file, given }: PlaceSecretSources): readonly PlaceSecret[] {
  const fromFile = file === undefined ? [] : parsePlaceSecrets(readFileSync(file, 'utf8'));
  return [...fromFile, ...given.map((secret) => ({ secret, signsFrom: 0 }))];
}

/** Throws {@link ConfigError} naming the file, or both settings when neither is set. */
export function readPlaceSecrets(sources: PlaceSecretSources): PlaceTickets {
  if (sources.file === undefined && sources.given.length === 0) {
    throw new ConfigError(['PLACE_SECRET (or PLACE_SECRET_FILE) is required: it signs place tickets']);
  }
  try {
    return new PlaceTickets(placeSecretsOf(sources));
  } catch (error) {
    throw new ConfigError([`PLACE_SECRET_FILE: ${sources.file}: ${(error as Error).message}`]);
  }
}
