import { AppError } from '@ropeline/core/errors.ts';
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { Behaviour } from './behaviour.ts';

const Change = Type.Partial(Behaviour, { additionalProperties: false, minProperties: 1 });

export function addBehaviourRoutes(app: FastifyInstance, current: { behaviour: Behaviour }): void {
  app.get(
    '/behaviour',
    { schema: { summary: 'How new charges are treated', response: { 200: Behaviour } } },
    () => current.behaviour,
  );
  app.patch<{ Body: Static<typeof Change> }>(
    '/behaviour',
    {
      schema: {
        summary: 'Change how new charges are treated; what is not named stays',
        body: Change,
        response: { 200: Behaviour },
      },
    },
    ({ body }) => {
      const next = { ...current.behaviour, ...body };
      if (next.declineShare + next.errorShare + next.hangShare > 1) {
        throw new AppError('bad-request', {
          detail: 'declineShare, errorShare and hangShare exceed 1 together',
        });
      }
      current.behaviour = next;
      return next;
    },
  );
}
