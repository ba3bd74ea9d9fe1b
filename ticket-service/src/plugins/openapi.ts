import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

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

const asMember = [{ member: [] }];
const asMemberWithEntry = [{ member: [], entry: [] }];
/** For `security` of a route. */
export const security = { member: asMember, memberWithEntry: asMemberWithEntry } as const;
