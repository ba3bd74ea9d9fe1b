import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EntryKey } from '@ropeline/core/token/entry-token.ts';

/** Files of the folder of secrets that `npm run rotate-keys` changes. */
export const entryKeysName = 'entry-keys.json';
export const placeSecretsName = 'place-secret';

/** Secrets of one installation, as the environment of its processes. */
export type Secrets = {
  readonly env: Record<string, string>;
  /** To print; undefined when only hashes are known (OPERATOR_TOKENS was given). */
  readonly operatorToken: string | undefined;
};

/**
 * Makes each secret once, in a file of its own that only its owner may read, and reads it ever after. What the
 * environment sets is used instead and written nowhere.
 */
export function loadSecrets(folder: string, env: Record<string, string | undefined>): Secrets {
  const random = (name: string): string => made(join(folder, name), newSecret);
  const keys = join(folder, entryKeysName);
  made(keys, () => formatEntryKeys([newEntryKey()]));
  const placeSecrets = join(folder, placeSecretsName);
  if (!env['PLACE_SECRET']) made(placeSecrets, newSecret);
  const given = env['OPERATOR_TOKENS'];
  const operatorToken = env['OPERATOR_TOKEN'] || (given ? undefined : random('operator-token'));
  const hashes = operatorToken === undefined ? [] : [`operator:admin:${sha256(operatorToken)}`];
  return {
    env: {
      PLACE_SECRET: env['PLACE_SECRET'] ?? '',
      // A file, so that `npm run rotate-keys` reaches gateways that run.
      PLACE_SECRET_FILE: env['PLACE_SECRET_FILE'] || (env['PLACE_SECRET'] ? '' : placeSecrets),
      ENTRY_KEYS: env['ENTRY_KEYS'] || keys,
      // Every other process knows its hash only.
      OPERATOR_TOKEN: '',
      OPERATOR_TOKENS: [given, ...hashes].filter(Boolean).join(','),
      SIGNAL_TOKEN: env['SIGNAL_TOKEN'] || random('signal-token'),
      MEMBER_SECRET: env['MEMBER_SECRET'] || random('member-secret'),
      PAYMENT_CALLBACK_SECRET: env['PAYMENT_CALLBACK_SECRET'] || random('payment-callback-secret'),
    },
    operatorToken,
  };
}

function made(file: string, make: () => string): string {
  if (!existsSync(file)) writeFileSync(file, make(), { mode: 0o600, flag: 'wx' });
  return readFileSync(file, 'utf8').trim();
}

export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

export function newEntryKey(): EntryKey {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const kid = createHash('sha256')
    .update(jwk.x ?? '')
    .digest('base64url')
    .slice(0, 16);
  return { ...jwk, kty: 'OKP', kid, alg: 'EdDSA', use: 'sig' };
}

export function formatEntryKeys(keys: readonly EntryKey[]): string {
  return `${JSON.stringify({ keys }, undefined, 2)}\n`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
