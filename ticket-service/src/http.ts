import { addProbes, createHttp } from '@ropeline/core/http/fastify.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { CallbackReader } from '@ropeline/core/payments/provider.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { Config } from './config.ts';
import type { CouponBook } from './coupons/coupon-book.ts';
import type { CouponDesk } from './coupons/coupon-desk.ts';
import type { Products } from './inventory/products.ts';
import type { TakenNames } from './inventory/taken-names.ts';
import type { AccessTokens } from './members/access-tokens.ts';
import type { LogIn } from './members/log-in.ts';
import type { Sessions } from './members/sessions.ts';
import type { Metrics } from './metrics.ts';
import type { OfferCatalog } from './offers/offer-catalog.ts';
import type { OfferEditor } from './offers/offer-editor.ts';
import type { StockSource } from './offers/stock-counts.ts';
import type { StockStreams } from './offers/stock-streams.ts';
import type { OrderDesk } from './orders/order-desk.ts';
import type { OrderLookup } from './orders/order-lookup.ts';
import type { OrderSaga } from './orders/order-saga.ts';
import type { PaymentCallbacks } from './payments/payment-callbacks.ts';
import type { Auth } from './plugins/auth.ts';
import { traceOrders } from './plugins/correlation.ts';
import { openApi } from './plugins/openapi.ts';
import { answerOutages } from './plugins/outages.ts';
import { rateLimits } from './plugins/rate-limits.ts';
import { addStorefront } from './plugins/storefront.ts';
import { couponRoutes } from './routes/coupons.ts';
import { hostOfferRoutes } from './routes/host-offers.ts';
import { memberRoutes } from './routes/members.ts';
import { offerRoutes } from './routes/offers.ts';
import { orderRoutes } from './routes/orders.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { refuseSoldOutFirst } from './routes/sold-out-first.ts';
import { sourceRoutes } from './routes/source-routes.ts';
import { unitMapRoutes } from './routes/unit-maps.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import type { Books } from './source-systems/books.ts';
import type { SourceOffers } from './source-systems/source-offers.ts';

type Parts = {
  readonly config: Config;
  readonly log: Logger;
  readonly redis: Redis;
  readonly registry: Registry;
  readonly metrics: Metrics;
  readonly notReady: () => Promise<readonly string[]>;
  readonly auth: Auth;
  readonly logIn: LogIn;
  readonly sessions: Sessions;
  readonly tokens: AccessTokens;
  readonly catalog: OfferCatalog;
  readonly editor: OfferEditor;
  readonly takenNames: TakenNames;
  readonly stock: StockSource;
  readonly streams: StockStreams;
  readonly desk: OrderDesk;
  readonly lookup: OrderLookup;
  readonly saga: OrderSaga;
  /** Undefined: the provider's callbacks cannot be told from forged ones, so there is no webhook. */
  readonly readCallback: CallbackReader | undefined;
  readonly callbacks: PaymentCallbacks;
  readonly products: Products;
  readonly coupons: CouponDesk;
  readonly couponBook: CouponBook;
  readonly pool: Pool;
  readonly sources: SourceOffers;
  readonly books: Books;
};

/** Every route of the ticket service, not listening. */
export async function buildHttp(parts: Parts): Promise<FastifyInstance> {
  const { config, streams } = parts;
  const { loginsPerMinute, signupsPerMinute, metricsToken, durability } = config;
  const http = createHttp({ log: parts.log, trustProxy: config.trustedProxies });
  http.decorateRequest('member', null);
  http.decorateRequest('entry', null);
  http.decorateRequest('offer', null);
  takeEmptyBodies(http);
  parts.metrics.observeRequests(http);
  traceOrders(http);
  addProbes(http, { ...parts, metricsToken, remarks: durability === 'relaxed' ? { durability } : {} });
  await openApi(http);
  await rateLimits(http, parts.redis);
  await http.register(async (app) => {
    answerOutages(app);
    memberRoutes(app, { ...parts, signupsPerMinute });
    sessionRoutes(app, { ...parts, loginsPerMinute });
    offerRoutes(app, parts);
    unitMapRoutes(app, parts);
    hostOfferRoutes(app, parts);
    orderRoutes(app, parts);
    couponRoutes(app, parts);
  });
  const { readCallback } = parts;
  if (readCallback !== undefined) {
    await http.register(async (app) => {
      answerOutages(app);
      webhookRoutes(app, { ...parts, readCallback });
    });
  }
  if (config.sourceRoutes) {
    await http.register(async (app) => {
      answerOutages(app);
      sourceRoutes(app, { ...parts, loginsPerMinute, token: config.sourceRoutesToken });
    });
  }
  addStorefront(http);
  http.addHook('preClose', async () => streams.close());
  refuseSoldOutFirst(http, parts);
  await http.ready();
  return http;
}

/** Clients send `Content-Type: application/json` with calls that have no body; where one is needed, its schema says so. */
function takeEmptyBodies(http: FastifyInstance): void {
  const parse = http.getDefaultJsonParser('error', 'error');
  http.removeContentTypeParser('application/json');
  http.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, body as string, done);
  });
}
