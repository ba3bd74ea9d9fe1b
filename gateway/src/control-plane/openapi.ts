import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

const description = `Rooms, rates, pauses and numbers of the waiting room.

Every call below \`/api\` takes \`Authorization: Bearer <operator token>\`. A viewer reads; an operator also changes
rules, pauses, resumes, drains, opens, closes, resets, revokes and signals; an admin also makes rooms. Every change is
audited with the token's name. Errors are RFC 9457 problems with a stable \`code\`; with Redis away calls answer 503
\`unavailable\` with \`Retry-After\`. Times are Unix ms of Redis.`;

/** `/openapi.json` and `/docs`, both without a token. Must be registered before the routes that it describes. */
export async function openApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Ropeline control plane',
        version: '0.1.0',
        description,
        license: { name: 'Apache-2.0' },
      },
      components: { securitySchemes: { operator: { type: 'http', scheme: 'bearer' } } },
      security: [{ operator: [] }],
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
}
