import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance } from 'fastify';
import { type Static, type TSchema, Type } from 'typebox';
import type { CouponDesk } from '../coupons/coupon-desk.ts';
import { couponIn } from '../offers/offer.ts';
import type { Auth } from '../plugins/auth.ts';
import { nightIn } from '../source-systems/source-night.ts';
import { offerIn, type SourceOffers } from '../source-systems/source-offers.ts';
import { Id, idIn } from './source-schemas.ts';

const orNull = (schema: TSchema) => Type.Union([schema, Type.Null()]);

const Issue = Type.Object(
  {
    userId: Type.Union([
      Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
      Type.String({ pattern: '^[A-Za-z0-9._-]{1,60}$' }),
    ]),
    couponId: Id,
    policyId: Type.Optional(orNull(Id)),
    typeSnapshot: Type.Optional(orNull(Type.String({ maxLength: 60 }))),
    discountRateSnapshot: Type.Optional(
      orNull(
        Type.Union([Type.Number({ minimum: 0 }), Type.String({ pattern: '^[0-9]{1,9}(\\.[0-9]{1,9})?$' })]),
      ),
    ),
    expiredAt: Type.Optional(
      orNull(Type.String({ maxLength: 40, description: 'ISO 8601, a blank in place of `T` too' })),
    ),
  },
  {
    examples: [
      {
        ...{ userId: 17, couponId: 104, policyId: 3, typeSnapshot: 'RATE', discountRateSnapshot: 10 },
        expiredAt: '2027-12-31T23:59:59',
      },
    ],
  },
);
type Issue = Static<typeof Issue>;

const Issued = Type.Object(
  {
    userId: Type.Union([Type.Integer(), Type.String()]),
    couponId: Type.Integer(),
    outcome: Type.Enum(['issued', 'already', 'gone']),
  },
  { examples: [{ userId: 17, couponId: 104, outcome: 'issued' }] },
);

type Parts = { readonly auth: Auth; readonly sources: SourceOffers; readonly coupons: CouponDesk };

/** The coupon system that is replaced: no member's token, the caller says for whom. */
export function sourceCouponRoutes(app: FastifyInstance, { auth, sources, coupons }: Parts): void {
  app.post<{ Body: Issue }>(
    '/coupon/issue',
    {
      preHandler: [
        sources.finder('coupon', (request) => idIn((request.body as Issue).couponId)),
        auth.requireTechnicalEntry(offerIn),
      ],
      schema: {
        tags: ['source'],
        summary: 'Issue a coupon to a user, one for each `userId`',
        description:
          "202 also when it is gone or was issued before. The terms are the coupon's own, as the price is an " +
          "offer's own: snapshots in the body are checked for their form and not kept.",
        body: Issue,
        response: {
          202: Issued,
          ...problems(
            ...(['bad-request', 'entry-required', 'entry-bound', 'entry-wrong-room'] as const),
            ...(['unknown-offer', 'coupon-closed', 'limit-reached', 'not-ready', 'unavailable'] as const),
          ),
        },
      },
    },
    async (request, reply) => {
      const { userId, couponId, expiredAt } = request.body;
      if (typeof expiredAt === 'string' && nightIn(expiredAt.replace(' ', 'T')) === undefined)
        throw new AppError('bad-request', { detail: 'expiredAt is a date' });
      const outcome = await coupons.issue({
        offer: couponIn(offerIn(request)),
        memberId: `source:${userId}`,
        entry: request.entry?.jti,
      });
      return reply.code(202).send({ userId, couponId: idIn(couponId), outcome });
    },
  );
}
