import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EntryKey } from '@ropeline/core/token/entry-token.ts';
import { formatPlaceSecrets, parsePlaceSecrets } from '@ropeline/core/token/place-secrets.ts';
import { readRotateOptions, rotateHelp } from './rotate/options.ts';
import { retired, type Times, withNewEntryKey, withNewPlaceSecret } from './rotate/rotation.ts';
import { entryKeysName, formatEntryKeys, newEntryKey, newSecret, placeSecretsName } from './start/secrets.ts';

/** `npm run rotate-keys`: new keys in the files of keys, or old ones out of them, while gateways run. */
const root = dirname(dirname(fileURLToPath(import.meta.url)));

try {
  main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

function main(): void {
  const options = readRotateOptions(process.argv.slice(2));
  if (options === undefined) {
    console.log(rotateHelp);
    return;
  }
  const secrets = resolve(root, process.env['DATA_DIR'] || '.data', 'secrets');
  const entryFile = resolve(process.env['ENTRY_KEYS'] || join(secrets, entryKeysName));
  const placeFile = resolve(process.env['PLACE_SECRET_FILE'] || join(secrets, placeSecretsName));
  const now = Date.now();
  const signsFrom = now + options.signsIn * 1_000;
  const times = { now, signsFrom, verifiesUntil: signsFrom + options.keepHours * 3_600_000 };
  if (!existsSync(entryFile)) throw new Error(`${entryFile} is not there: set ENTRY_KEYS or DATA_DIR.`);
  rotateEntryKeys(entryFile, times, options.retire);
  if (existsSync(placeFile)) rotatePlaceSecrets(placeFile, times, options.retire);
  else console.log(`Place secrets: ${placeFile} is not there; those of PLACE_SECRET are changed by hand.`);
}

function rotateEntryKeys(file: string, times: Times, retire: boolean): void {
  const parsed = JSON.parse(readFileSync(file, 'utf8')) as { keys: EntryKey[] } | EntryKey[];
  const keys = Array.isArray(parsed) ? parsed : parsed.keys;
  if (retire) {
    const { kept, out } = retired(keys, times.now);
    replace(file, formatEntryKeys(kept));
    console.log(`Entry keys: ${out.map(({ kid }) => kid).join(', ') || 'none'} taken out of ${file}.`);
    return;
  }
  const made = newEntryKey();
  replace(file, formatEntryKeys(withNewEntryKey(keys, made, times)));
  console.log(`Entry keys: ${made.kid} is new in ${file}; it signs from ${clock(times.signsFrom)}.`);
  console.log(`  Tokens of the old ones are taken until ${clock(times.verifiesUntil)}.`);
}

function rotatePlaceSecrets(file: string, times: Times, retire: boolean): void {
  const secrets = parsePlaceSecrets(readFileSync(file, 'utf8'));
  if (retire) {
    const { kept, out } = retired(secrets, times.now);
    replace(file, formatPlaceSecrets(kept));
    console.log(`Place secrets: ${out.length} taken out of ${file}.`);
    return;
  }
  replace(file, formatPlaceSecrets(withNewPlaceSecret(secrets, newSecret(), times)));
  console.log(`Place secrets: a new one is in ${file}; it signs from ${clock(times.signsFrom)}.`);
  console.log('  Tickets of the old ones are taken until: npm run rotate-keys -- --retire');
}

/** Whole or not at all: a gateway may read at any moment. */
function replace(file: string, text: string): void {
  const next = `${file}.next`;
  writeFileSync(next, text, { mode: 0o600 });
  renameSync(next, file);
}

function clock(ms: number): string {
  return new Date(ms).toISOString();
}
