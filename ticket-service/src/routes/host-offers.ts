import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { isCurrency } from '../offers/currency.ts';
import { isNight } from '../offers/night.ts';
import type { Offer } from '../offers/offer.ts';
import type { OfferCatalog } from '../offers/offer-catalog.ts';
import type { OfferEditor } from '../offers/offer-editor.ts';
import type { NewOffer } from '../offers/write-offers.ts';
import { type Auth, memberIn } from '../plugins/auth.ts';
import { security } from '../plugins/openapi.ts';
import { OfferAnswer, OfferId, offerAnswer } from './offers.ts';
import { storedText } from './text-schema.ts';

const closed = { additionalProperties: false } as const;
const room = Type.String({ pattern: '^[a-z0-9-]{1,40}$' });
const limit = Type.Union([Type.Integer({ minimum: 1, maximum: 1_000_000 }), Type.Null()]);
const minor = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Minor units' });
const title = storedText({ minLength: 1, maxLength: 200 });
const capacity = Type.Integer({ minimum: 0, maximum: 10_000_000 });
const rooms = Type.Array(room, { maxItems: 16 });
const stockRoom = Type.Union([room, Type.Null()]);
const night = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' });
const seat = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9-]{0,15}$' });

const Section = Type.Object(
  {
    section: storedText({ minLength: 1, maxLength: 60 }),
    priceMinor: minor,
    seats: Type.Array(seat, { minItems: 1, maxItems: 20_000 }),
  },
  closed,
);
const Nights = Type.Object(
  { first: night, end: night, timeZone: Type.Optional(Type.String({ maxLength: 60, description: 'IANA' })) },
  closed,
);

const common = {
  title,
  currency: Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217, as is in use' }),
  rooms: Type.Optional(rooms),
  stockRoom: Type.Optional(stockRoom),
  perEntry: Type.Optional(limit),
  perMember: Type.Optional(limit),
};
const shards = Type.Integer({
  minimum: 1,
  maximum: 64,
  description: 'Over how many partitions a pool is spread',
});

const OfferWish = Type.Union(
  [
    Type.Object(
      { ...common, kind: Type.Literal('pool'), priceMinor: minor, capacity, shards: Type.Optional(shards) },
      closed,
    ),
    Type.Object(
      {
        ...common,
        kind: Type.Literal('seats'),
        sections: Type.Array(Section, { minItems: 1, maxItems: 200 }),
      },
      closed,
    ),
    Type.Object({ ...common, kind: Type.Literal('nights'), priceMinor: minor, nights: Nights }, closed),
  ],
  {
    examples: [
      {
        kind: 'pool',
        title: 'Time deal',
        capacity: 100,
        priceMinor: 9_900,
        currency: 'KRW',
        rooms: ['demo'],
      },
      {
        kind: 'seats',
        title: 'A musical',
        currency: 'KRW',
        sections: [{ section: 'stalls', priceMinor: 90_000, seats: ['A1', 'A2'] }],
      },
      {
        kind: 'nights',
        title: 'Room 12',
        priceMinor: 120_000,
        currency: 'KRW',
        nights: { first: '2026-12-01', end: '2027-03-01', timeZone: 'Asia/Seoul' },
      },
    ],
  },
);
type OfferWish = Static<typeof OfferWish>;

const OfferChange = Type.Partial(
  Type.Object(
    { title, capacity, priceMinor: minor, rooms, stockRoom, perEntry: limit, perMember: limit },
    closed,
  ),
  { ...closed, minProperties: 1, examples: [{ capacity: 1_200 }] },
);

type Parts = { readonly auth: Auth; readonly catalog: OfferCatalog; readonly editor: OfferEditor };

/** Offers made, changed and withdrawn by their host. */
export function hostOfferRoutes(app: FastifyInstance, { auth, catalog, editor }: Parts): void {
  const preHandler = [auth.requireMember, auth.requireRole('host')];

  app.post<{ Body: OfferWish }>(
    '/api/offers',
    {
      preHandler,
      bodyLimit: 1_048_576,
      schema: {
        tags: ['offers'],
        summary: 'Make an offer (role host)',
        security: security.member,
        body: OfferWish,
        response: {
          201: OfferAnswer,
          ...problems('bad-request', 'login-required', 'role-required', 'unavailable'),
        },
      },
    },
    async (request, reply) => {
      const offer = await editor.create(newOffer(request.body, memberIn(request).id));
      return reply.code(201).header('location', `/api/offers/${offer.id}`).send(offerAnswer(offer));
    },
  );

  app.patch<{ Params: Static<typeof OfferId>; Body: Static<typeof OfferChange> }>(
    '/api/offers/:id',
    {
      preHandler,
      schema: {
        tags: ['offers'],
        summary: 'Change an offer of one’s own (role host)',
        description:
          'Prices hold for new orders. A capacity below what is held and sold is 409 `conflict`; 503 `not-ready`: ' +
          'the stock is shut, so the capacity cannot be changed now.',
        security: security.member,
        params: OfferId,
        body: OfferChange,
        response: {
          200: OfferAnswer,
          ...problems(
            'bad-request',
            'login-required',
            'role-required',
            'unknown-offer',
            'conflict',
            'not-ready',
            'unavailable',
          ),
        },
      },
    },
    async (request) => offerAnswer(await editor.change(own(request).id, request.body)),
  );

  app.delete<{ Params: Static<typeof OfferId> }>(
    '/api/offers/:id',
    {
      preHandler,
      schema: {
        tags: ['offers'],
        summary: 'Withdraw an offer of one’s own (role host)',
        description: 'It is no longer for sale; orders that are there can be paid and cancelled.',
        security: security.member,
        params: OfferId,
        response: {
          204: Type.Null(),
          ...problems('bad-request', 'login-required', 'role-required', 'unknown-offer', 'unavailable'),
        },
      },
    },
    async (request, reply) => {
      await editor.withdraw(own(request).id);
      return reply.code(204).send();
    },
  );

  /** Somebody else's offer is not one's own to change; that it exists is no secret. */
  function own(request: FastifyRequest): Offer {
    const offer = catalog.onSale(Number((request.params as Static<typeof OfferId>).id));
    const { id, role } = memberIn(request);
    if (role !== 'admin' && offer.hostId !== id) throw new AppError('role-required');
    return offer;
  }
}

function newOffer(wish: OfferWish, hostId: string): NewOffer {
  const { kind, title: name, currency } = wish;
  if (!isCurrency(currency))
    throw new AppError('bad-request', { detail: `currency: ${currency} is none of ISO 4217` });
  const base = {
    ...{
      kind,
      title: name,
      currency,
      hostId,
      capacity: 0,
      priceMinor: 0,
      shards: 1,
      seats: [],
      nights: null,
    },
    rooms: wish.rooms ?? [],
    stockRoom: wish.stockRoom ?? null,
    perEntry: wish.perEntry ?? null,
    perMember: wish.perMember ?? null,
  };
  switch (wish.kind) {
    case 'pool':
      return { ...base, capacity: wish.capacity, priceMinor: wish.priceMinor, shards: wish.shards ?? 1 };
    case 'seats':
      return { ...base, seats: seatsOf(wish.sections) };
    case 'nights': {
      const { first, end, timeZone = null } = wish.nights;
      if (!isNight(first) || !isNight(end) || first >= end)
        throw new AppError('bad-request', { detail: 'nights: from a date to a later one' });
      if (timeZone !== null && !isTimeZone(timeZone))
        throw new AppError('bad-request', { detail: 'timeZone: none of that name' });
      return { ...base, priceMinor: wish.priceMinor, nights: { first, end, timeZone } };
    }
    default:
      return wish satisfies never;
  }
}

function isTimeZone(name: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

function seatsOf(sections: readonly Static<typeof Section>[]): NewOffer['seats'] {
  const seats = sections.flatMap(({ section, priceMinor, seats: names }) =>
    names.map((name) => ({ seat: name, section, priceMinor })),
  );
  if (new Set(seats.map((one) => one.seat)).size < seats.length)
    throw new AppError('bad-request', { detail: 'sections: a seat is named twice' });
  return seats;
}
