import {
  type CryptoKey,
  createLocalJWKSet,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose';
import type { EntryClaims } from '../protocol/entry.ts';

const algorithm = 'EdDSA';

/** Signs entry tokens with the first private key of a JWK set; publishes the public halves of all. */
export class EntrySigner {
  readonly #key: CryptoKey;
  readonly #kid: string;
  /** What `/_ropeline/jwks.json` serves: no private member. */
  readonly jwks: JSONWebKeySet;

  private constructor(key: CryptoKey, kid: string, jwks: JSONWebKeySet) {
    this.#key = key;
    this.#kid = kid;
    this.jwks = jwks;
  }

  /** Throws when the set is empty, a key is not Ed25519, or the first is not private or has no `kid`. */
  static async create(keys: readonly JWK[]): Promise<EntrySigner> {
    const [first] = keys;
    if (first?.kid === undefined || first.d === undefined)
      throw new Error('the first entry key must be private and have a kid');
    for (const key of keys) {
      if (key.kty !== 'OKP' || key.crv !== 'Ed25519')
        throw new Error(`entry key ${key.kid} is not an Ed25519 key`);
    }
    const jwks = {
      keys: keys.map(({ kty, crv, x, kid }) => ({ kty, crv, x, kid, alg: algorithm, use: 'sig' }) as JWK),
    };
    return new EntrySigner((await importJWK(first, algorithm)) as CryptoKey, first.kid, jwks);
  }

  sign({ iss, aud, sub, jti, iat, nbf, exp, lane }: EntryClaims): Promise<string> {
    return new SignJWT({ lane })
      .setProtectedHeader({ alg: algorithm, typ: 'JWT', kid: this.#kid })
      .setIssuer(iss)
      .setAudience(aud)
      .setSubject(sub)
      .setJti(jti)
      .setIssuedAt(iat)
      .setNotBefore(nbf)
      .setExpirationTime(exp)
      .sign(this.#key);
  }
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

  constructor(issuer: string, maxRemembered = 20_000) {
    this.#issuer = issuer;
    this.#maxRemembered = maxRemembered;
  }

  /** Replaces the key set; what was verified by a key that is gone is forgotten. */
  useKeys(jwks: JSONWebKeySet): void {
    this.#keys = createLocalJWKSet(jwks);
    this.#remembered.clear();
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
