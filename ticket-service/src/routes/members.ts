import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { LogIn } from '../members/log-in.ts';

import { perMinute } from '../plugins/rate-limits.ts';

const NewMember = Type.Object(
  {
    id: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{2,39}$', description: 'Chosen by the member' }),
    password: Type.String({ minLength: 8, maxLength: 128 }),
  },
  { additionalProperties: false, examples: [{ id: 'mina.kim', password: 'correct horse' }] },
);

type Parts = { readonly logIn: LogIn; readonly signupsPerMinute: number };

export function memberRoutes(app: FastifyInstance, { logIn, signupsPerMinute }: Parts): void {
  app.post<{ Body: Static<typeof NewMember> }>(
    '/api/members',
    {
      config: perMinute(signupsPerMinute),
      schema: {
        tags: ['members'],
        summary: 'Sign up',
        body: NewMember,
        response: {
          201: Type.Object(
            { id: Type.String(), role: Type.String() },
            { examples: [{ id: 'mina.kim', role: 'member' }] },
          ),
          ...problems('bad-request', 'member-exists', 'too-many-requests', 'busy', 'unavailable'),
        },
      },
    },
    async ({ body }, reply) => {
      await logIn.signUp(body.id, body.password);
      return reply.code(201).send({ id: body.id, role: 'member' });
    },
  );
}
