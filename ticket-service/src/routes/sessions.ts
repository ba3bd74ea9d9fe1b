import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import type { AccessTokens } from '../members/access-tokens.ts';
import type { LogIn } from '../members/log-in.ts';
import type { OpenSession, Sessions } from '../members/sessions.ts';
import { type Auth, memberIn } from '../plugins/auth.ts';
import { security } from '../plugins/openapi.ts';
import { perMinute } from '../plugins/rate-limits.ts';
import { storedText } from './text-schema.ts';

export const Credentials = Type.Object(
  {
    id: storedText({ minLength: 1, maxLength: 64 }),
    password: Type.String({ minLength: 1, maxLength: 128 }),
  },
  { additionalProperties: false, examples: [{ id: 'testuser1', password: 'qwer1234' }] },
);

const RefreshToken = Type.Object(
  { refreshToken: Type.String({ minLength: 1, maxLength: 128 }) },
  { additionalProperties: false, examples: [{ refreshToken: '0b7e...' }] },
);

const Tokens = Type.Object(
  {
    accessToken: Type.String({ description: 'For `Authorization: Bearer`, 30 minutes' }),
    expiresAt: Type.Integer({ description: 'End of the access token, Unix ms' }),
    refreshToken: Type.String({ description: 'For one refresh, within 7 days' }),
  },
  { examples: [{ accessToken: 'eyJhbGciOi...', expiresAt: 1_767_225_600_000, refreshToken: '0b7e...' }] },
);

type Parts = {
  readonly auth: Auth;
  readonly logIn: LogIn;
  readonly sessions: Sessions;
  readonly tokens: AccessTokens;
  readonly loginsPerMinute: number;
};

export function sessionRoutes(app: FastifyInstance, parts: Parts): void {
  const { auth, logIn, sessions, tokens } = parts;

  app.post<{ Body: Static<typeof Credentials> }>(
    '/api/sessions',
    {
      config: perMinute(parts.loginsPerMinute),
      schema: {
        tags: ['sessions'],
        summary: 'Log in',
        body: Credentials,
        response: {
          200: Tokens,
          ...problems(
            ...(['bad-request', 'wrong-credentials', 'too-many-logins'] as const),
            ...(['too-many-requests', 'busy', 'unavailable'] as const),
          ),
        },
      },
    },
    async ({ body }, reply) => {
      const { id, role } = await logIn.check(body.id, body.password);
      return answer(reply, await sessions.open(id, role));
    },
  );

  app.post<{ Body: Static<typeof RefreshToken> }>(
    '/api/sessions/refresh',
    {
      schema: {
        tags: ['sessions'],
        summary: 'A new access token; the refresh token is replaced too',
        description: 'A refresh token that was used before ends its session.',
        body: RefreshToken,
        response: { 200: Tokens, ...problems('bad-request', 'login-required', 'unavailable') },
      },
    },
    async ({ body }, reply) => {
      const session = await sessions.rotate(body.refreshToken);
      if (session === undefined) throw new AppError('login-required');
      return answer(reply, session);
    },
  );

  app.delete(
    '/api/sessions',
    {
      preHandler: auth.requireMember,
      schema: {
        tags: ['sessions'],
        summary: 'Log out',
        description: 'Ends the refresh token at once; the access token ends by itself.',
        security: security.member,
        response: { 204: Type.Null(), ...problems('login-required', 'unavailable') },
      },
    },
    async (request, reply) => {
      const { sessionId } = memberIn(request);
      if (sessionId !== undefined) await sessions.revoke(sessionId);
      return reply.code(204).send();
    },
  );

  async function answer(reply: FastifyReply, { member, refreshToken }: OpenSession): Promise<FastifyReply> {
    const { token, expiresAt } = await tokens.issue(member);
    return reply.header('cache-control', 'no-store').send({ accessToken: token, expiresAt, refreshToken });
  }
}
