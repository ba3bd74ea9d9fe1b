import { AppError } from '@ropeline/core/errors.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { listDeadLetters } from '@ropeline/core/postgres/dead-letters.ts';
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Try } from '../dead-letter-tries.ts';

type Deps = { readonly pool: Pool; readonly redrive: (id: number) => Promise<Try> };

// Query and path values are text: nothing is coerced in a Ropeline process.
const ListQuery = Type.Object({
  all: Type.Optional(Type.Union([Type.Literal('true'), Type.Literal('false')])),
  limit: Type.Optional(Type.String({ pattern: '^[1-9]\\d{0,2}$' })),
  before: Type.Optional(Type.String({ pattern: '^[1-9]\\d{0,14}$' })),
});
const LetterPath = Type.Object({ id: Type.String({ pattern: '^[1-9]\\d{0,14}$' }) });

/**
 * For operators, by curl:
 * - `GET /dead-letters?all=true&limit=100&before=<id>`: newest first; without `all` only what is not settled.
 *   `nextTryAt` null and `redrivenAt` null: dead, nothing tries it any more.
 * - `POST /dead-letters/<id>/redrive` once the cause is gone: 200 when it is written (or newer was written before),
 *   409 with the reason when Postgres refuses it still, 404 when there is no such letter.
 */
export function addDeadLetterRoutes(app: FastifyInstance, { pool, redrive }: Deps): void {
  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/dead-letters',
    { schema: { querystring: ListQuery } },
    async ({ query }) => ({
      deadLetters: await listDeadLetters(pool, {
        all: query.all === 'true',
        limit: Number(query.limit ?? 100),
        before: query.before === undefined ? undefined : Number(query.before),
      }),
    }),
  );
  app.post<{ Params: Static<typeof LetterPath> }>(
    '/dead-letters/:id/redrive',
    { schema: { params: LetterPath } },
    async ({ params }) => {
      const outcome = await redrive(Number(params.id));
      switch (outcome.kind) {
        case 'settled':
          return { id: Number(params.id), state: 'settled' };
        case 'unknown':
          throw new AppError('not-found', { detail: 'no such letter, or it is being tried right now' });
        case 'refused':
          throw new AppError('conflict', { detail: outcome.error });
        default:
          return outcome satisfies never;
      }
    },
  );
}
