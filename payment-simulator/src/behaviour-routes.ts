import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { Behaviour, fateShares, harmless } from './behaviour.ts';

const Change = Type.Partial(Behaviour, {
  additionalProperties: false,
  minProperties: 1,
  examples: [{ latencyMs: 200, declineShare: 0.2, hangShare: 0.01 }],
});
const Answer = Type.Object(Behaviour.properties, { examples: [harmless] });

export function addBehaviourRoutes(app: FastifyInstance, current: { behaviour: Behaviour }): void {
  app.get(
    '/behaviour',
    { schema: { summary: 'How new charges are treated', response: { 200: Answer } } },
    () => current.behaviour,
  );
  app.patch<{ Body: Static<typeof Change> }>(
    '/behaviour',
    {
      schema: {
        summary: 'Change how new charges are treated; what is not named stays',
        body: Change,
        response: { 200: Answer, ...problems('bad-request') },
      },
    },
    ({ body }) => {
      const next = { ...current.behaviour, ...body };
      if (fateShares.reduce((sum, name) => sum + next[name], 0) > 1) {
        throw new AppError('bad-request', { detail: `${fateShares.join(', ')} exceed 1 together` });
      }
      current.behaviour = next;
      return next;
    },
  );
}
