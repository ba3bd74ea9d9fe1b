import { join } from 'node:path';
import { immutableCaching, loadBuiltUi } from '@ropeline/core/http/ui-files.ts';
import type { FastifyInstance } from 'fastify';

const builtInto = join(import.meta.dirname, '../../../waiting-room-ui/dist/storefront');
const page = 'storefront/index.html';

const pageHeaders = {
  'cache-control': 'no-cache',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'same-origin',
};

/**
 * The demo shop at `/` and its script and style under `/storefront/`, from memory. Call it on the root instance.
 * When it was not built, `/` says so and the log too; the service itself needs none of it.
 */
export function addStorefront(app: FastifyInstance, folder = builtInto): void {
  const built = loadBuiltUi(folder);
  const html = built?.files.get(page);
  const hide = { schema: { hide: true } as object };
  if (built === undefined || html === undefined) {
    app.log.warn({ folder }, 'the demo shop was not built: npm run build -w waiting-room-ui');
    app.get('/', hide, (_request, reply) =>
      reply.headers(pageHeaders).type('text/plain; charset=utf-8').send('The demo shop was not built.\n'),
    );
    return;
  }
  app.get('/', hide, (_request, reply) => reply.headers(pageHeaders).type(html.contentType).send(html.body));
  for (const [path, { body, contentType }] of built.files) {
    if (path === page) continue;
    app.get(`/${path}`, hide, (_request, reply) =>
      reply
        .headers({ 'cache-control': immutableCaching, 'x-content-type-options': 'nosniff' })
        .type(contentType)
        .send(body),
    );
  }
}
