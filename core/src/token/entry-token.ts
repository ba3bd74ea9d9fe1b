import {
  type CryptoKey,
  createLocalJWKSet,
  decodeProtectedHeader,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose';
import type { EntryClaims } from '../protocol/entry.ts';

const algorithm = 'EdDSA';

/** A key of the file: a JWK, and in Unix ms when it begins to sign and how long its tokens are taken. */
export type EntryKey = JWK & { readonly signsFrom?: number; readonly verifiesUntil?: number };

type LoadedKey = {
  readonly kid: string;
  /** Undefined for a public key, which only verifies. */
  readonly sign: CryptoKey | undefined;
  readonly signsFrom: number;
  readonly verifiesUntil: number;
  readonly publicJwk: JWK;
};

/**
 * Signs entry tokens with the first private key of a set whose time to sign has come; publishes the public halves of
 * all that verify still or will sign later, so that every verifier knows a key before it is used.
 */
export class EntrySigner {
  #keys: readonly LoadedKey[];

  private constructor(keys: readonly LoadedKey[]) {
    this.#keys = keys;
  }

  /** Throws when a key is not Ed25519 or has no `kid`, two have the same, or none is private. */
  static async create(keys: readonly EntryKey[]): Promise<EntrySigner> {
    return new EntrySigner(await loadKeys(keys));
  }

  /** Replaces the whole set at once; throws as {@link create} does and then changes nothing. */
  async use(keys: readonly EntryKey[]): Promise<void> {
    this.#keys = await loadKeys(keys);
  }

  /** What `/_ropeline/jwks.json` serves at this moment: no private member. */
  get jwks(): JSONWebKeySet {
    const now = Date.now();
    return { keys: this.#keys.flatMap((key) => (key.verifiesUntil > now ? [key.publicJwk] : [])) };
  }

  sign({ iss, aud, sub, jti, iat, nbf, exp, lane }: EntryClaims): Promise<string> {
    const { key, kid } = this.#signing();
    return new SignJWT({ lane })
      .setProtectedHeader({ alg: algorithm, typ: 'JWT', kid })
      .setIssuer(iss)
      .setAudience(aud)
      .setSubject(sub)
      .setJti(jti)
      .setIssuedAt(iat)
      .setNotBefore(nbf)
      .setExpirationTime(exp)
      .sign(key);
  }

  #signing(): { readonly key: CryptoKey; readonly kid: string } {
    const now = Date.now();
    const able = this.#keys.filter(({ sign }) => sign !== undefined);
    // A set whose keys are all of the future is better used early than not at all.
    const { sign, kid } = able.find(({ signsFrom }) => signsFrom <= now) ?? (able.at(-1) as LoadedKey);
    return { key: sign as CryptoKey, kid };
  }
}

async function loadKeys(keys: readonly EntryKey[]): Promise<readonly LoadedKey[]> {
  if (!keys.some(({ d }) => d !== undefined)) throw new Error('one entry key must be private');
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) throw new Error('two entry keys have one kid');
  return Promise.all(
    keys.map(async ({ signsFrom = 0, verifiesUntil = Number.POSITIVE_INFINITY, ...jwk }) => {
      const { kty, crv, x, kid, d } = jwk;
      if (kid === undefined) throw new Error('every entry key must have a kid');
      if (kty !== 'OKP' || crv !== 'Ed25519') throw new Error(`entry key ${kid} is not an Ed25519 key`);
      const publicJwk = { kty, crv, x, kid, alg: algorithm, use: 'sig' } as JWK;
      const sign = d === undefined ? undefined : ((await importJWK(jwk, algorithm)) as CryptoKey);
      return { kid, sign, signsFrom, verifiesUntil, publicJwk };
    }),
  );
}

/**
 * Checks entry tokens offline and remembers those it has checked (an Ed25519 check costs 60 us, a look in the
 * memory nothing). Expiry is looked at on every call, remembered or not.
 */
export class EntryVerifier {
  readonly #issuer: string;
  readonly #maxRemembered: number;
  readonly #remembered = new Map<string, EntryClaims>();
  #keys: ReturnType<typeof createLocalJWKSet> | undefined;
  #kids: ReadonlySet<string | undefined> = new Set();

  constructor(issuer: string, maxRemembered = 20_000) {
    this.#issuer = issuer;
    this.#maxRemembered = maxRemembered;
  }

  /** Replaces the key set; what was verified by a key that is gone is forgotten. */
  useKeys(jwks: JSONWebKeySet): void {
    this.#keys = createLocalJWKSet(jwks);
    this.#kids = new Set(jwks.keys.map(({ kid }) => kid));
    this.#remembered.clear();
  }

  /** Whether the set has the key that the token names. */
  knowsKeyOf(token: string): boolean {
    try {
      return this.#kids.has(decodeProtectedHeader(token).kid);
    } catch {
      return false;
    }
  }

  get hasKeys(): boolean {
    return this.#keys !== undefined;
  }

  /** Claims of a token that was checked before and still lives; undefined says nothing of its validity. */
  recall(token: string): EntryClaims | undefined {
    const claims = this.#remembered.get(token);
    return claims !== undefined && claims.exp * 1_000 > Date.now() ? claims : undefined;
  }

  /** The claims, or undefined when the token is forged, expired, not yet valid, or of another issuer. */
  async verify(token: string): Promise<EntryClaims | undefined> {
    const known = this.recall(token);
    if (known !== undefined) return known;
    if (this.#keys === undefined || token.length > 2_048) return undefined;
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        algorithms: [algorithm],
        issuer: this.#issuer,
        requiredClaims: ['aud', 'sub', 'jti', 'exp', 'nbf', 'iat', 'lane'],
      });
      const claims = payload as unknown as EntryClaims;
      if (typeof claims.aud !== 'string' || typeof claims.jti !== 'string') return undefined;
      this.#remember(token, claims);
      return claims;
    } catch {
      return undefined;
    }
  }

  #remember(token: string, claims: EntryClaims): void {
    if (this.#remembered.size >= this.#maxRemembered) {
      const [oldest] = this.#remembered.keys();
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
    this.#remembered.set(token, claims);
  }
}
