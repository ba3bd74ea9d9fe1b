import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { CouponBook } from '../coupons/coupon-book.ts';
import type { CouponDesk } from '../coupons/coupon-desk.ts';
import { type CouponOffer, couponIn } from '../offers/offer.ts';
import type { OfferCatalog } from '../offers/offer-catalog.ts';
import type { OfferEditor } from '../offers/offer-editor.ts';
import type { NewOffer } from '../offers/write-offers.ts';
import { type Auth, memberIn } from '../plugins/auth.ts';
import { security } from '../plugins/openapi.ts';
import { OfferId } from './offers.ts';
import { storedText } from './text-schema.ts';

const time = Type.Integer({ minimum: 0, maximum: 253_402_300_799_999, description: 'Unix ms' });

const CouponWish = Type.Object(
  {
    title: storedText({ minLength: 1, maxLength: 200 }),
    capacity: Type.Integer({ minimum: 0, maximum: 10_000_000, description: 'How many are issued at most' }),
    rooms: Type.Optional(Type.Array(Type.String({ pattern: '^[a-z0-9-]{1,40}$' }), { maxItems: 16 })),
    shards: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
    opensAt: Type.Optional(time),
    closesAt: Type.Optional(time),
    expiresAt: Type.Optional(time),
    validSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 2_147_483_647,
        description: 'From the issue; the earlier end counts',
      }),
    ),
  },
  {
    additionalProperties: false,
    examples: [{ title: '10 % off', capacity: 10_000, rooms: ['demo'], validSeconds: 2_592_000 }],
  },
);
type CouponWish = Static<typeof CouponWish>;

const orNull = Type.Union([Type.Integer({ description: 'Unix ms' }), Type.Null()]);
const couponExample = {
  ...{ id: 104, title: '10 % off', capacity: 10_000, issued: 4_310, persisted: 4_180 },
  ...{ opensAt: null, closesAt: null, expiresAt: 1_830_294_000_000, validSeconds: null },
};
const CouponAnswer = Type.Object(
  {
    id: Type.Integer(),
    title: Type.String(),
    capacity: Type.Integer(),
    issued: Type.Integer({ description: 'At most half a second old' }),
    persisted: Type.Integer({ description: 'Of these, written down in Postgres' }),
    opensAt: orNull,
    closesAt: orNull,
    expiresAt: orNull,
    validSeconds: Type.Union([Type.Integer(), Type.Null()]),
  },
  { examples: [couponExample] },
);

const Issued = Type.Object(
  { id: Type.Integer(), outcome: Type.Enum(['issued', 'already', 'gone']) },
  { examples: [{ id: 104, outcome: 'issued' }] },
);

const Coupons = Type.Object(
  {
    coupons: Type.Array(
      Type.Object({
        id: Type.Integer(),
        title: Type.String(),
        outcome: Type.Enum(['issued', 'gone'], {
          description: '`gone`: all were issued, and the member has none',
        }),
        issuedAt: Type.Optional(Type.Integer({ description: 'Unix ms' })),
        expiresAt: Type.Optional(orNull),
      }),
    ),
  },
  {
    examples: [
      {
        coupons: [
          {
            ...{ id: 104, title: '10 % off', outcome: 'issued' },
            ...{ issuedAt: 1_798_758_000_000, expiresAt: 1_830_294_000_000 },
          },
          { id: 105, title: 'Free delivery', outcome: 'gone' },
        ],
      },
    ],
  },
);

type Parts = {
  readonly auth: Auth;
  readonly catalog: OfferCatalog;
  readonly editor: OfferEditor;
  readonly coupons: CouponDesk;
  readonly couponBook: CouponBook;
};

export function couponRoutes(app: FastifyInstance, parts: Parts): void {
  const { auth, catalog, editor, coupons, couponBook } = parts;

  app.post<{ Body: CouponWish }>(
    '/api/coupons',
    {
      preHandler: [auth.requireMember, auth.requireRole('host')],
      schema: {
        tags: ['coupons'],
        summary: 'Make a coupon (role host)',
        description: 'Changed and withdrawn as the offer of its id.',
        security: security.member,
        body: CouponWish,
        response: {
          201: CouponAnswer,
          ...problems('bad-request', 'login-required', 'role-required', 'unavailable'),
        },
      },
    },
    async (request, reply) => {
      const offer = couponIn(await editor.create(newCoupon(request.body, memberIn(request).id)));
      const counts = { capacity: offer.capacity, issued: 0, persisted: 0 };
      return reply.code(201).header('location', `/api/coupons/${offer.id}`).send(couponAnswer(offer, counts));
    },
  );

  app.get(
    '/api/coupons',
    {
      preHandler: auth.requireMember,
      schema: {
        tags: ['coupons'],
        summary: "The member's coupons, from the moment of their issue",
        security: security.member,
        response: { 200: Coupons, ...problems('login-required', 'unavailable') },
      },
    },
    async (request) => ({ coupons: await couponBook.ofMember(memberIn(request).id) }),
  );

  app.get<{ Params: Static<typeof OfferId> }>(
    '/api/coupons/:id',
    {
      schema: {
        tags: ['coupons'],
        summary: 'How many were issued, and how many of these are written down',
        params: OfferId,
        response: {
          200: CouponAnswer,
          ...problems('bad-request', 'unknown-offer', 'not-ready', 'unavailable'),
        },
      },
    },
    async (request) => {
      const offer = couponOf(request);
      return couponAnswer(offer, await couponBook.countsOf(offer));
    },
  );

  app.post<{ Params: Static<typeof OfferId> }>(
    '/api/coupons/:id/issue',
    {
      preHandler: [auth.requireMember, auth.requireEntry(couponOf)],
      schema: {
        tags: ['coupons'],
        summary: 'Ask for a coupon: first come, one for each member',
        description: '202 whatever came of it; asking again is safe and never brings a second one.',
        security: security.memberWithEntry,
        params: OfferId,
        response: {
          202: Issued,
          ...problems(
            ...(['bad-request', 'login-required', 'entry-required', 'entry-bound'] as const),
            ...(['entry-wrong-room', 'unknown-offer', 'coupon-closed', 'all-held'] as const),
            ...(['not-ready', 'unavailable'] as const),
          ),
        },
      },
    },
    async (request, reply) => {
      const offer = couponOf(request);
      const memberId = memberIn(request).id;
      const outcome = await coupons.issue({ offer, memberId, entry: request.entry?.jti });
      return reply.code(202).send({ id: offer.id, outcome });
    },
  );

  function couponOf({ params }: FastifyRequest): CouponOffer {
    return catalog.coupon(Number((params as Static<typeof OfferId>).id));
  }
}

function newCoupon(wish: CouponWish, hostId: string): NewOffer {
  const { title, capacity, rooms = [], shards = 1 } = wish;
  const { opensAt = null, closesAt = null, expiresAt = null, validSeconds = null } = wish;
  if (opensAt !== null && closesAt !== null && opensAt >= closesAt)
    throw new AppError('bad-request', { detail: 'closesAt: after opensAt' });
  return {
    ...{ kind: 'pool', title, capacity, rooms, shards, hostId, priceMinor: 0 },
    // ISO 4217 for "no currency": a coupon costs nothing.
    currency: 'XXX',
    ...{ stockRoom: null, perEntry: null, perMember: 1, seats: [], nights: null },
    coupon: { opensAt, closesAt, expiresAt, validSeconds },
  };
}

function couponAnswer(
  { id, title, coupon }: CouponOffer,
  counts: Awaited<ReturnType<CouponBook['countsOf']>>,
): Static<typeof CouponAnswer> {
  return { id, title, ...counts, ...coupon };
}
