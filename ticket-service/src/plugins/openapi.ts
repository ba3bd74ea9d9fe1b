import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { type ProblemCode, problem, problemCodes } from '@ropeline/core/protocol/problem-codes.ts';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';

/** `/openapi.json` and `/docs`. Must be registered before the routes that it describes. */
export async function openApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Ropeline ticket service',
        version: '0.1.0',
        description:
          'Members, offers and orders behind the waiting room. Errors are RFC 9457 problems with a stable `code`.',
        license: { name: 'Apache-2.0' },
      },
      components: {
        securitySchemes: {
          member: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'From `POST /api/sessions`',
          },
          entry: {
            type: 'apiKey',
            in: 'header',
            name: 'X-Ropeline-Entry',
            description: 'Entry token of the waiting room; the gateway adds it',
          },
        },
      },
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
}

/** The problems that a route answers, by status, for its `response` schema. */
export function problems(...codes: readonly ProblemCode[]): Record<number, object> {
  const byStatus = Map.groupBy(codes, (code) => problemCodes[code][0]);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      {
        description: group.map((code) => `\`${code}\`: ${problemCodes[code][1]}`).join('; '),
        content: { 'application/problem+json': { schema: problemSchema(group) } },
      },
    ]),
  );
}

const asMember = [{ member: [] }];
const asMemberWithEntry = [{ member: [], entry: [] }];
/** For `security` of a route. */
export const security = { member: asMember, memberWithEntry: asMemberWithEntry } as const;

function problemSchema(codes: readonly ProblemCode[]): object {
  const [first] = codes;
  return Type.Object(
    {
      type: Type.String(),
      title: Type.String(),
      status: Type.Integer(),
      code: Type.String({ description: 'Stable word' }),
      detail: Type.Optional(Type.String()),
    },
    { additionalProperties: true, ...(first === undefined ? {} : { examples: [problem(first)] }) },
  );
}
