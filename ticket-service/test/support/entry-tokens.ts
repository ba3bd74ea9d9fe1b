import { randomUUID } from 'node:crypto';
import type { EntryClaims } from '@ropeline/core/protocol/entry.ts';
import { EntrySigner } from '@ropeline/core/token/entry-token.ts';
import { exportJWK, generateKeyPair } from 'jose';

export async function newSigner(kid = randomUUID()): Promise<EntrySigner> {
  const { privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  return EntrySigner.create([{ ...(await exportJWK(privateKey)), kid }]);
}

/** A token that is valid for the demo room, but for what `claims` changes. */
export function entryToken(signer: EntrySigner, claims: Partial<EntryClaims> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  const visitor = randomUUID();
  return signer.sign({
    iss: 'ropeline',
    aud: 'demo',
    sub: visitor,
    jti: `${visitor}.1`,
    iat: now,
    nbf: now,
    exp: now + 600,
    lane: 'standard',
    ...claims,
  });
}
