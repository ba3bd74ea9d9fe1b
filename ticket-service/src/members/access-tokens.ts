import type { webcrypto } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';

export const roles = ['member', 'host', 'admin'] as const;
export type Role = (typeof roles)[number];

export type Member = {
  readonly id: string;
  readonly role: Role;
  /** The session that the token came from; log-out ends it. Absent for tokens without a refresh token. */
  readonly sessionId: string | undefined;
};

export type AccessToken = {
  readonly token: string;
  /** Unix ms. */
  readonly expiresAt: number;
};

type Remembered = { readonly member: Member; readonly expiresAt: number };

const algorithm = 'HS256';
const issuer = 'ropeline-tickets';
const audience = 'ropeline-members';

/**
 * Access tokens of members (JWT, HS256, 30 minutes). A token that was checked is remembered until it expires,
 * so that a member's next request costs a look into a map.
 */
export class AccessTokens {
  readonly #ttlSeconds: number;
  readonly #maxRemembered: number;
  readonly #key: Promise<webcrypto.CryptoKey>;
  readonly #remembered = new Map<string, Remembered>();

  /** Throws when the secret is shorter than the hash: jose would take it. */
  constructor(
    secret: string,
    options: { readonly ttlSeconds?: number; readonly maxRemembered?: number } = {},
  ) {
    const bytes = Buffer.from(secret);
    if (bytes.length < 32) throw new Error('the member secret needs at least 32 bytes');
    this.#ttlSeconds = options.ttlSeconds ?? 1_800;
    this.#maxRemembered = options.maxRemembered ?? 20_000;
    // A CryptoKey: with a Buffer jose imports the key anew for every token.
    this.#key = crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
      'verify',
    ]);
  }

  async issue({ id, role, sessionId }: Member): Promise<AccessToken> {
    const issuedAt = Math.floor(Date.now() / 1_000);
    const expires = issuedAt + this.#ttlSeconds;
    const token = await new SignJWT({ role, ...(sessionId === undefined ? {} : { sid: sessionId }) })
      .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(id)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expires)
      .sign(await this.#key);
    return { token, expiresAt: expires * 1_000 };
  }

  /** The member of a token that was checked before and still lives; undefined says nothing of its validity. */
  recall(token: string): Member | undefined {
    const known = this.#remembered.get(token);
    return known !== undefined && known.expiresAt > Date.now() ? known.member : undefined;
  }

  /** Undefined when the token is forged, foreign or expired. */
  async verify(token: string): Promise<Member | undefined> {
    const known = this.#remembered.get(token);
    if (known !== undefined) return known.expiresAt > Date.now() ? known.member : this.#forget(token);
    if (token.length > 2_048) return undefined;
    try {
      const { payload } = await jwtVerify(token, await this.#key, {
        algorithms: [algorithm],
        issuer,
        audience,
        requiredClaims: ['sub', 'exp', 'role'],
      });
      const role = roles.find((name) => name === payload['role']);
      if (payload.sub === undefined || payload.exp === undefined || role === undefined) return undefined;
      const sessionId = typeof payload['sid'] === 'string' ? payload['sid'] : undefined;
      const member = { id: payload.sub, role, sessionId };
      this.#remember(token, { member, expiresAt: payload.exp * 1_000 });
      return member;
    } catch {
      return undefined;
    }
  }

  #remember(token: string, entry: Remembered): void {
    if (this.#remembered.size >= this.#maxRemembered) {
      const [oldest] = this.#remembered.keys();
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
    this.#remembered.set(token, entry);
  }

  #forget(token: string): undefined {
    this.#remembered.delete(token);
  }
}
