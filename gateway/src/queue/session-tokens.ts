import type { EntryClaims } from '@ropeline/core/protocol/entry.ts';
import type { EntrySigner } from '@ropeline/core/token/entry-token.ts';
import type { LiveRoom } from './live-room.ts';

/** How far a verifier's clock may be behind Redis. */
const clockSkewSeconds = 60;
const mostExtended = 50_000;

/** Entry tokens of sessions: one for a claim, another with the same `jti` for a renewal. */
export class SessionTokens {
  readonly #signer: EntrySigner;
  readonly #issuer: string;
  /** Deadlines of sessions extended through this gateway. */
  readonly #extended = new Map<string, number>();

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
      nbf: now - clockSkewSeconds,
      exp: Math.floor(deadline / 1_000),
      lane,
    });
  }

  /**
   * With `session.renew`: the first use under half a session's life awaits one extend (batched per event-loop turn).
   * The new deadline in Unix ms; undefined when there is nothing to renew, the session is over, or Redis is away.
   */
  async extended(
    room: LiveRoom,
    visitor: string,
    turn: number,
    deadline: number,
  ): Promise<number | undefined> {
    const { renew, ttlSeconds } = room.rules.session;
    const isFresh = (until: number): boolean => until - room.cursor.now() > ttlSeconds * 500;
    if (!renew || (room.link !== 'up' && room.link !== 'holding') || isFresh(deadline)) return undefined;
    // A client that goes on with its old token, or several requests at once: one extension is enough for all.
    const session = `${room.name}/${visitor}.${turn}`;
    const known = this.#extended.get(session);
    if (known !== undefined && isFresh(known)) return known;
    try {
      const extended = await room.engine.renew(room.cursor, visitor, turn);
      if (extended === 0) return undefined;
      if (this.#extended.size >= mostExtended) this.#extended.clear();
      this.#extended.set(session, extended);
      return extended;
    } catch {
      return undefined;
    }
  }

  /** A token with the same `jti` for a session that was extended just now; see {@link extended}. */
  async renewed(
    room: LiveRoom,
    claims: EntryClaims,
  ): Promise<{ token: string; deadline: number } | undefined> {
    const turn = Number(claims.jti.slice(claims.jti.lastIndexOf('.') + 1));
    const deadline = await this.extended(room, claims.sub, turn, claims.exp * 1_000);
    if (deadline === undefined) return undefined;
    return { token: await this.issue(room, claims.sub, turn, deadline, claims.lane), deadline };
  }
}
