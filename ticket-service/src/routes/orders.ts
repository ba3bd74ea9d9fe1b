import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import { type OrderRecord, orderStates } from '@ropeline/core/stock/order-record.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Member } from '../members/access-tokens.ts';
import type { Offer } from '../offers/offer.ts';
import type { OfferCatalog } from '../offers/offer-catalog.ts';
import type { OrderDesk } from '../orders/order-desk.ts';
import type { Found, OrderLookup } from '../orders/order-lookup.ts';
import type { OrderSaga } from '../orders/order-saga.ts';
import type { CancelOutcome, PayOutcome } from '../orders/outcomes.ts';
import { type Auth, memberIn } from '../plugins/auth.ts';
import { security } from '../plugins/openapi.ts';
import { idempotencyKeyIn, OrderWish, wantedIn } from './order-wish.ts';

const OrderAnswer = Type.Object(
  {
    orderId: Type.String(),
    offerId: Type.Integer(),
    state: Type.Enum(orderStates),
    units: Type.Union([Type.Integer(), Type.Array(Type.String())], {
      description: 'How many, of a `pool`; which, of `seats` and `nights`',
    }),
    amount: Type.Object({ minor: Type.Integer(), currency: Type.String() }),
    holdUntil: Type.Integer({
      description: 'Unix ms; of RESERVED orders, when the units come free unless paid',
    }),
    createdAt: Type.Integer({ description: 'Unix ms' }),
    version: Type.Integer({ description: 'Grows by one with every change' }),
  },
  {
    examples: [
      {
        orderId: '019a9d3c-5b1e-7f00-8a21-6d2c5e9b3f02',
        offerId: 1,
        state: 'RESERVED',
        units: 2,
        amount: { minor: 100_000, currency: 'KRW' },
        holdUntil: 1_795_272_300_000,
        createdAt: 1_795_272_000_000,
        version: 1,
      },
    ],
  },
);

/** No body is as good as an empty one: what is charged is asked for only where the provider needs it. */
const PayWish = Type.Union(
  [
    Type.Object({
      paymentMethod: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 200,
          pattern: '^[\\x21-\\x7e]+$',
          description: "What is charged, in the provider's words: Stripe needs the id of a PaymentMethod",
        }),
      ),
    }),
    Type.Null(),
  ],
  { examples: [{ paymentMethod: 'pm_1Pgc79B7WZ01zgkW' }] },
);

/** Not `format: 'uuid'`: that takes `urn:uuid:...` too, which Postgres refuses. */
const OrderId = Type.Object({
  id: Type.String({ pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' }),
});
const mostListed = 100;

type Parts = {
  readonly auth: Auth;
  readonly catalog: OfferCatalog;
  readonly desk: OrderDesk;
  readonly saga: OrderSaga;
  readonly lookup: OrderLookup;
};

export function orderRoutes(app: FastifyInstance, { auth, catalog, desk, saga, lookup }: Parts): void {
  const offerOf = (request: FastifyRequest): Offer => catalog.get((request.body as OrderWish).offerId);

  app.post<{ Body: OrderWish }>(
    '/api/orders',
    {
      preHandler: [auth.requireMember, auth.requireEntry(offerOf)],
      schema: {
        tags: ['orders'],
        summary: 'Reserve units, all or none',
        description:
          'Needs the header `Idempotency-Key`. The same key and body again answers 200 with the order as it is now.',
        security: security.memberWithEntry,
        body: OrderWish,
        response: {
          200: OrderAnswer,
          201: OrderAnswer,
          ...problems(
            ...(['bad-request', 'idempotency-key-required', 'login-required', 'entry-required'] as const),
            ...([
              'entry-bound',
              'entry-wrong-room',
              'unknown-offer',
              'sold-out',
              'all-held',
              'taken',
            ] as const),
            ...(['limit-reached', 'hold-lost', 'idempotency-mismatch', 'not-ready', 'unavailable'] as const),
          ),
        },
      },
    },
    async (request, reply) => {
      const { kind, order } = await desk.place({
        offer: offerOf(request),
        memberId: memberIn(request).id,
        wanted: wantedIn(request.body),
        entry: request.entry?.jti,
        idempotencyKey: idempotencyKeyIn(request.headers),
      });
      return reply.code(kind === 'created' ? 201 : 200).send(orderAnswer(order));
    },
  );

  app.get(
    '/api/orders',
    {
      preHandler: auth.requireMember,
      schema: {
        tags: ['orders'],
        summary: `The member's newest ${mostListed} orders`,
        security: security.member,
        response: {
          200: Type.Object({ orders: Type.Array(OrderAnswer) }),
          ...problems('login-required', 'unavailable'),
        },
      },
    },
    async (request) => {
      const orders = await lookup.ofMember(memberIn(request).id, mostListed);
      return { orders: orders.map(orderAnswer) };
    },
  );

  app.get<{ Params: Static<typeof OrderId> }>(
    '/api/orders/:id',
    {
      preHandler: auth.requireMember,
      schema: {
        tags: ['orders'],
        summary: 'One order of the member',
        security: security.member,
        params: OrderId,
        response: {
          200: OrderAnswer,
          ...problems('bad-request', 'login-required', 'unknown-order', 'hold-lost', 'unavailable'),
        },
      },
    },
    async (request) => orderAnswer((await own(request, await lookup.find(orderIdIn(request)))).order),
  );

  app.post<{ Params: Static<typeof OrderId>; Body: Static<typeof PayWish> | undefined }>(
    '/api/orders/:id/pay',
    {
      preHandler: auth.requireMember,
      schema: {
        tags: ['orders'],
        summary: 'Pay an order; asking again is safe',
        description: '202 while it is not known whether the payment went through: ask again.',
        security: security.member,
        params: OrderId,
        body: PayWish,
        response: {
          200: OrderAnswer,
          202: OrderAnswer,
          ...problems(
            ...([
              'bad-request',
              'login-required',
              'payment-declined',
              'unknown-order',
              'wrong-state',
            ] as const),
            ...(['hold-expired', 'hold-lost', 'payment-unavailable', 'not-ready', 'unavailable'] as const),
          ),
        },
      },
    },
    async (request, reply) => {
      const { order } = await own(request, await lookup.findToChange(orderIdIn(request)));
      return answerPay(await saga.pay(order, request.body?.paymentMethod), reply);
    },
  );

  app.post<{ Params: Static<typeof OrderId> }>(
    '/api/orders/:id/cancel',
    {
      preHandler: auth.requireMember,
      schema: {
        tags: ['orders'],
        summary: 'Give an order back; a paid one is refunded',
        description: 'For its member, and for the host of its offer.',
        security: security.member,
        params: OrderId,
        response: {
          200: OrderAnswer,
          ...problems(
            ...(['bad-request', 'login-required', 'unknown-order', 'wrong-state'] as const),
            ...(['hold-expired', 'hold-lost', 'not-ready', 'unavailable'] as const),
          ),
        },
      },
    },
    async (request) => {
      const found = await lookup.findToChange(orderIdIn(request));
      const { order, inRedis } = isHostOf(memberIn(request), found) ? found : await own(request, found);
      return orderAnswer(cancelled(await saga.cancel(order, inRedis)));
    },
  );

  function isHostOf({ id, role }: Member, found: Found | undefined): found is Found {
    if (found === undefined || role === 'member') return false;
    return role === 'admin' || catalog.find(found.order.offerId)?.hostId === id;
  }

  /** Somebody else's order is as unknown as one that does not exist. */
  async function own(request: FastifyRequest, found: Found | undefined): Promise<Found> {
    if (found?.order.memberId === memberIn(request).id) return found;
    const isLost = found === undefined && (await lookup.wasLost(orderIdIn(request)));
    throw new AppError(isLost ? 'hold-lost' : 'unknown-order');
  }
}

function orderIdIn({ params }: FastifyRequest): string {
  return (params as Static<typeof OrderId>).id.toLowerCase();
}

function answerPay(outcome: PayOutcome, reply: FastifyReply): FastifyReply {
  switch (outcome.kind) {
    case 'completed':
      return reply.code(200).send(orderAnswer(outcome.order));
    case 'paying':
      return reply.code(202).header('retry-after', '1').send(orderAnswer(outcome.order));
    case 'declined':
      throw new AppError('payment-declined');
    case 'method-required':
      throw new AppError('bad-request', { detail: 'paymentMethod: what is to be charged' });
    case 'unavailable':
      throw new AppError('payment-unavailable', { retryAfterSeconds: 2 });
    case 'hold-expired':
    case 'hold-lost':
      throw new AppError(outcome.kind);
    case 'wrong-state':
      throw new AppError('wrong-state', { members: { state: outcome.state } });
    default:
      return outcome satisfies never;
  }
}

function cancelled(outcome: CancelOutcome): OrderRecord {
  switch (outcome.kind) {
    case 'cancelled':
      return outcome.order;
    case 'wrong-state':
      throw new AppError('wrong-state', { members: { state: outcome.state } });
    case 'hold-expired':
    case 'hold-lost':
      throw new AppError(outcome.kind);
    default:
      return outcome satisfies never;
  }
}

function orderAnswer(order: OrderRecord): Static<typeof OrderAnswer> {
  const { orderId, offerId, state, units, amountMinor, currency, holdUntil, createdAt, version } = order;
  const amount = { minor: amountMinor, currency };
  return { orderId, offerId, state, units: unitsAnswer(units), amount, holdUntil, createdAt, version };
}

function unitsAnswer(units: string): number | string[] {
  return /^\d+$/.test(units) ? Number(units) : units.split(',');
}
