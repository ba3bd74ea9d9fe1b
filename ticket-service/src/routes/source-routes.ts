import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import { isSameSecret } from '@ropeline/core/token/same-secret.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Products } from '../inventory/products.ts';
import type { AccessTokens } from '../members/access-tokens.ts';
import type { LogIn } from '../members/log-in.ts';
import type { Offer } from '../offers/offer.ts';
import type { OfferCatalog } from '../offers/offer-catalog.ts';
import type { OrderDesk } from '../orders/order-desk.ts';
import { type Auth, memberIn, memberOf } from '../plugins/auth.ts';

import { perMinute } from '../plugins/rate-limits.ts';
import { Credentials } from './sessions.ts';
import { sourceStockRoutes } from './source-stock.ts';

type Parts = {
  readonly auth: Auth;
  readonly catalog: OfferCatalog;
  readonly logIn: LogIn;
  readonly tokens: AccessTokens;
  readonly desk: OrderDesk;
  readonly products: Products;
  /** Asked for on every call, when set. */
  readonly token: string | undefined;
  readonly loginsPerMinute: number;
};

/** The source system's tickets have ids of their own. */
const offerOfTicket = new Map([[1, 1]]);

const TicketId = Type.Object({ ticketId: Type.String({ pattern: '^[0-9]{1,9}$', examples: ['1'] }) });

/**
 * The calls of the systems that Ropeline replaces, so that their load scripts run as they are. Bodies are JSON
 * whatever the content type says, and may be missing.
 */
export function sourceRoutes(app: FastifyInstance, parts: Parts): void {
  const { auth, logIn, tokens } = parts;
  takeBodiesAsTheyCome(app);
  if (parts.token !== undefined) app.addHook('onRequest', bearerOnly(parts.token));
  sourceStockRoutes(app, parts.products);

  app.get(
    '/health',
    { schema: { tags: ['source'], response: { 200: Type.Object({ status: Type.String() }) } } },
    () => ({ status: 'ok' }),
  );

  app.post<{ Body: Static<typeof Credentials> }>(
    '/member/login',
    {
      config: perMinute(parts.loginsPerMinute),
      schema: {
        tags: ['source'],
        summary: 'Log in',
        body: Credentials,
        response: {
          200: Type.Object(
            { data: Type.Object({ accessToken: Type.String() }) },
            { examples: [{ data: { accessToken: 'eyJhbGciOi...' } }] },
          ),
          ...problems('bad-request', 'wrong-credentials', 'too-many-logins', 'busy'),
        },
      },
    },
    async ({ body }) => {
      const { id, role } = await logIn.check(body.id, body.password);
      const { token } = await tokens.issue({ id, role, sessionId: undefined });
      return { data: { accessToken: token } };
    },
  );

  app.post<{ Params: Static<typeof TicketId> }>(
    '/ticket/reserve/:ticketId',
    {
      preHandler: [
        async (request) => {
          request.member = await memberOf(tokens, accessToken(request));
        },
        auth.requireEntry(offerOf),
      ],
      schema: {
        tags: ['source'],
        summary: 'Buy one ticket at once',
        description: 'The access token comes as `x-access-token`; there is no body and no payment step.',
        params: TicketId,
        response: {
          200: Type.Object({ data: Type.Object({ orderId: Type.String() }) }),
          ...problems(
            'login-required',
            'entry-required',
            'unknown-offer',
            'sold-out',
            'all-held',
            'not-ready',
          ),
        },
      },
    },
    async (request) => {
      const { order } = await parts.desk.place({
        offer: offerOf(request),
        memberId: memberIn(request).id,
        wanted: { quantity: 1 },
        entry: request.entry?.jti,
        idempotencyKey: '',
        atOnce: true,
      });
      return { data: { orderId: order.orderId } };
    },
  );

  function offerOf(request: FastifyRequest): Offer {
    const { ticketId } = request.params as Static<typeof TicketId>;
    const offerId = offerOfTicket.get(Number(ticketId));
    if (offerId === undefined) throw new AppError('unknown-offer');
    return parts.catalog.get(offerId);
  }
}

/** With or without `Bearer `: their clients send the bare token. */
function accessToken(request: FastifyRequest): string | undefined {
  const header = request.headers['x-access-token'];
  return typeof header === 'string' ? header.replace(/^Bearer /i, '') : undefined;
}

function takeBodiesAsTheyCome(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null, undefined);
    try {
      done(null, JSON.parse(body as string));
    } catch (cause) {
      done(new AppError('bad-request', { detail: 'The body is not JSON', cause }));
    }
  });
}

function bearerOnly(token: string): (request: FastifyRequest) => Promise<void> {
  return async ({ headers }) => {
    if (!isSameSecret(headers.authorization ?? '', `Bearer ${token}`)) throw new AppError('token-required');
  };
}
