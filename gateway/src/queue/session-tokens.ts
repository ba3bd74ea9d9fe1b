import type { EntryClaims } from '@ropeline/core/protocol/entry.ts';
import type { Entry } from '@ropeline/core/protocol/status.ts';
import type { EntrySigner } from '@ropeline/core/token/entry-token.ts';
import type { LiveRoom } from './live-room.ts';

/** Entry tokens of sessions: one for a claim, another with the same `jti` for a renewal. */
export class SessionTokens {
  readonly #signer: EntrySigner;
  readonly #issuer: string;

  constructor(signer: EntrySigner, issuer: string) {
    this.#signer = signer;
    this.#issuer = issuer;
  }

  /** A token that ends with its session: `deadline` in Unix ms of Redis. */
  async issue(
    room: LiveRoom,
    visitor: string,
    turn: number,
    deadline: number,
    lane: string,
  ): Promise<string> {
    const now = Math.floor(room.cursor.now() / 1_000);
    return this.#signer.sign({
      iss: this.#issuer,
      aud: room.name,
      sub: visitor,
      jti: `${visitor}.${turn}`,
      iat: now,
      nbf: now - 5,
      exp: Math.floor(deadline / 1_000),
      lane,
    });
  }

  /**
   * With `session.renew`: the first use under half a token's life awaits one extend (batched) and gives a new token;
   * undefined when there is nothing to renew, the session is over, or Redis is away.
   */
  async renewed(
    room: LiveRoom,
    claims: EntryClaims,
  ): Promise<{ token: string; deadline: number } | undefined> {
    const { renew, ttlSeconds } = room.rules.session;
    const left = claims.exp - room.cursor.now() / 1_000;
    if (!renew || left > ttlSeconds / 2 || room.link !== 'up') return undefined;
    const turn = Number(claims.jti.slice(claims.jti.lastIndexOf('.') + 1));
    try {
      const deadline = await room.engine.renew(room.cursor, claims.sub, turn);
      if (deadline === 0) return undefined;
      return { token: await this.issue(room, claims.sub, turn, deadline, claims.lane), deadline };
    } catch {
      return undefined;
    }
  }
}

export function entryOf(token: string, deadline: number, target: string): Entry {
  return { entryToken: token, expiresAt: deadline, target };
}
