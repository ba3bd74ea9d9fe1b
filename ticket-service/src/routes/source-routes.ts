import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { isSameSecret } from '@ropeline/core/token/same-secret.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { CouponDesk } from '../coupons/coupon-desk.ts';
import type { Products } from '../inventory/products.ts';
import type { TakenNames } from '../inventory/taken-names.ts';
import type { AccessTokens } from '../members/access-tokens.ts';
import type { LogIn } from '../members/log-in.ts';
import type { OfferEditor } from '../offers/offer-editor.ts';
import type { StockSource } from '../offers/stock-counts.ts';
import type { OrderDesk } from '../orders/order-desk.ts';
import { type Auth, memberIn, memberOf } from '../plugins/auth.ts';
import { perMinute } from '../plugins/rate-limits.ts';
import type { Books } from '../source-systems/books.ts';
import { offerIn, type SourceOffers } from '../source-systems/source-offers.ts';
import { Credentials } from './sessions.ts';
import { sourceCouponRoutes } from './source-coupon.ts';
import { sourceHotelRoutes } from './source-hotel.ts';
import { sourceMusicalRoutes } from './source-musicals.ts';
import { idIn } from './source-schemas.ts';
import { sourceStockRoutes } from './source-stock.ts';

type Parts = {
  readonly auth: Auth;
  readonly logIn: LogIn;
  readonly tokens: AccessTokens;
  readonly desk: OrderDesk;
  readonly products: Products;
  readonly pool: Pool;
  readonly sources: SourceOffers;
  readonly editor: OfferEditor;
  readonly stock: StockSource;
  readonly takenNames: TakenNames;
  readonly coupons: CouponDesk;
  readonly books: Books;
  readonly notReady: () => Promise<readonly string[]>;
  /** Asked for on every call, when set. */
  readonly token: string | undefined;
  readonly loginsPerMinute: number;
};

const TicketId = Type.Object({ ticketId: Type.String({ pattern: '^[1-9][0-9]{0,8}$', examples: ['1'] }) });

const Health = Type.Object({ status: Type.String() }, { examples: [{ status: 'UP' }] });

/**
 * The calls of the systems that Ropeline replaces, so that their load scripts run as they are. Bodies are JSON
 * whatever the content type says, and may be missing.
 */
export function sourceRoutes(app: FastifyInstance, parts: Parts): void {
  const { auth, logIn, tokens, sources } = parts;
  takeBodiesAsTheyCome(app);
  if (parts.token !== undefined) app.addHook('onRequest', bearerOnly(parts.token));
  sourceStockRoutes(app, parts.products);
  sourceCouponRoutes(app, parts);
  sourceMusicalRoutes(app, parts);
  sourceHotelRoutes(app, parts);

  app.get(
    '/health',
    {
      schema: {
        tags: ['source'],
        summary: 'Whether this process answers',
        response: { 200: { ...Health, examples: [{ status: 'ok' }] } },
      },
    },
    () => ({ status: 'ok' }),
  );

  app.get(
    '/actuator/health',
    {
      schema: {
        tags: ['source'],
        summary: 'Whether this process can sell',
        response: { 200: Health, 503: { ...Health, examples: [{ status: 'DOWN' }] } },
      },
    },
    async (_request, reply) => {
      const missing = await parts.notReady();
      return missing.length === 0 ? { status: 'UP' } : reply.code(503).send({ status: 'DOWN' });
    },
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
          ...problems(
            ...(['bad-request', 'wrong-credentials', 'too-many-logins'] as const),
            ...(['too-many-requests', 'busy', 'unavailable'] as const),
          ),
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
        sources.finder('ticket', ({ params }) => idIn((params as Static<typeof TicketId>).ticketId)),
        auth.requireEntry(offerIn),
      ],
      schema: {
        tags: ['source'],
        summary: 'Buy one ticket at once',
        description: 'The access token comes as `x-access-token`; there is no body and no payment step.',
        params: TicketId,
        response: {
          200: Type.Object(
            { data: Type.Object({ orderId: Type.String() }) },
            { examples: [{ data: { orderId: '0197a7c2-7d4e-7cc0-9a51-3f2f6f0b7a02' } }] },
          ),
          ...problems(
            ...(['bad-request', 'login-required', 'entry-required', 'entry-bound'] as const),
            ...(['entry-wrong-room', 'unknown-offer', 'sold-out', 'all-held'] as const),
            ...(['limit-reached', 'not-ready', 'unavailable'] as const),
          ),
        },
      },
    },
    async (request) => {
      const { order } = await parts.desk.place({
        offer: offerIn(request),
        memberId: memberIn(request).id,
        wanted: { quantity: 1 },
        entry: request.entry?.jti,
        idempotencyKey: '',
        atOnce: true,
      });
      return { data: { orderId: order.orderId } };
    },
  );
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

/** Where `Authorization` is a member's. */
const sourceToken = 'x-source-token';

function bearerOnly(token: string): (request: FastifyRequest) => Promise<void> {
  return async ({ headers }) => {
    const given = headers[sourceToken] ?? headers.authorization?.replace(/^Bearer /i, '');
    if (typeof given !== 'string' || !isSameSecret(given, token)) throw new AppError('token-required');
  };
}
