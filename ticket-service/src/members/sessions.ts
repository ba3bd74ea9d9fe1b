import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import type { Member, Role } from './access-tokens.ts';

const ttl = '7 days';

export type OpenSession = { readonly member: Member; readonly refreshToken: string };

/**
 * Refresh tokens: `<session id>.<secret>`. A session has one valid secret at a time; using it puts another in its
 * place and counts the seven days anew. Whoever shows a secret that was used before holds a copy, or was robbed of
 * one: the session ends for both.
 */
export class Sessions {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async open(id: string, role: Role): Promise<OpenSession> {
    const sessionId = randomUUID();
    const secret = newSecret();
    await this.#pool.query({
      name: 'open-session',
      text: `insert into sessions (session_id, member_id, secret_hash, expires_at)
             values ($1, $2, $3, now() + interval '${ttl}')`,
      values: [sessionId, id, digest(secret)],
    });
    return { member: { id, role, sessionId }, refreshToken: `${sessionId}.${secret}` };
  }

  /** Undefined when the token is unknown, expired, revoked or was used before (which revokes the session). */
  async rotate(refreshToken: string): Promise<OpenSession | undefined> {
    const parts = split(refreshToken);
    if (parts === undefined) return undefined;
    const secret = newSecret();
    const { rows } = await this.#pool.query<{ id: string; role: Role }>({
      name: 'rotate-session',
      text: `update sessions set secret_hash = $3, expires_at = now() + interval '${ttl}'
             from members
             where session_id = $1 and secret_hash = $2 and revoked_at is null and expires_at > now()
               and members.member_id = sessions.member_id
             returning members.member_id as id, role`,
      values: [parts.sessionId, digest(parts.secret), digest(secret)],
    });
    const [row] = rows;
    if (row === undefined) {
      await this.revoke(parts.sessionId);
      return undefined;
    }
    return { member: { ...row, sessionId: parts.sessionId }, refreshToken: `${parts.sessionId}.${secret}` };
  }

  /** Ends a session; harmless when it is over or never was. */
  async revoke(sessionId: string): Promise<void> {
    await this.#pool.query(
      'update sessions set revoked_at = now() where session_id = $1 and revoked_at is null',
      [sessionId],
    );
  }
}

function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function split(refreshToken: string): { readonly sessionId: string; readonly secret: string } | undefined {
  const [, sessionId, secret] =
    /^([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\.([\w-]{43})$/.exec(refreshToken) ?? [];
  return sessionId === undefined || secret === undefined ? undefined : { sessionId, secret };
}
