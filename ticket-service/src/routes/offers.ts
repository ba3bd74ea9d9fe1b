import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { isCoupon, type Offer } from '../offers/offer.ts';
import type { OfferCatalog } from '../offers/offer-catalog.ts';
import type { StockSource } from '../offers/stock-counts.ts';
import { type StockStreams, stockAnswer } from '../offers/stock-streams.ts';

export const OfferId = Type.Object({ id: Type.String({ pattern: '^[1-9][0-9]{0,8}$', examples: ['1'] }) });

const nullable = (schema: ReturnType<typeof Type.Integer> | ReturnType<typeof Type.String>) =>
  Type.Union([schema, Type.Null()]);

export const OfferAnswer = Type.Object(
  {
    id: Type.Integer(),
    kind: Type.String({ description: '`pool`, `seats` or `nights`' }),
    title: Type.String(),
    capacity: Type.Integer(),
    price: Type.Object({ minor: Type.Integer(), currency: Type.String({ description: 'ISO 4217' }) }),
    rooms: Type.Array(Type.String(), { description: 'Waiting rooms whose entry tokens it takes' }),
    stockRoom: nullable(Type.String({ description: 'The room that is told its stock' })),
    perEntry: nullable(Type.Integer({ description: 'Most units for one entry' })),
    perMember: nullable(Type.Integer({ description: 'Most units for one member' })),
    nights: Type.Union(
      [
        Type.Object({
          first: Type.String(),
          end: Type.String({ description: 'The first that is not for sale any more' }),
          timeZone: nullable(Type.String({ description: "The hotel's, IANA" })),
        }),
        Type.Null(),
      ],
      { description: 'Of kind `nights`' },
    ),
  },
  {
    examples: [
      {
        id: 1,
        kind: 'pool',
        title: '1,000 tickets',
        capacity: 1_000,
        price: { minor: 50_000, currency: 'KRW' },
        rooms: ['demo'],
        stockRoom: 'demo',
        perEntry: 4,
        perMember: null,
        nights: null,
      },
    ],
  },
);

const StockAnswer = Type.Object(
  {
    capacity: Type.Integer(),
    held: Type.Integer({ description: 'Reserved and not yet paid' }),
    sold: Type.Integer(),
    available: Type.Integer({ description: 'capacity - held - sold' }),
  },
  { examples: [{ capacity: 1_000, held: 40, sold: 310, available: 650 }] },
);

const streamed = {
  examples: ['event: stock\ndata: {"capacity":1000,"held":40,"sold":310,"available":650}\n\n'],
};

type Parts = {
  readonly catalog: OfferCatalog;
  readonly stock: StockSource;
  readonly streams: StockStreams;
};

export function offerRoutes(app: FastifyInstance, { catalog, stock, streams }: Parts): void {
  app.get(
    '/api/offers',
    {
      schema: {
        tags: ['offers'],
        summary: 'All offers on sale; coupons have a list of their own',
        response: { 200: Type.Object({ offers: Type.Array(OfferAnswer) }) },
      },
    },
    () => ({
      offers: catalog
        .listOnSale()
        .filter((offer) => !isCoupon(offer))
        .map(offerAnswer),
    }),
  );

  app.get<{ Params: Static<typeof OfferId> }>(
    '/api/offers/:id',
    {
      schema: {
        tags: ['offers'],
        summary: 'One offer',
        params: OfferId,
        response: { 200: OfferAnswer, ...problems('bad-request', 'unknown-offer') },
      },
    },
    ({ params }) => offerAnswer(catalog.onSale(Number(params.id))),
  );

  app.get<{ Params: Static<typeof OfferId> }>(
    '/api/offers/:id/stock',
    {
      schema: {
        tags: ['offers'],
        summary: 'What is left, at most a second old',
        params: OfferId,
        response: { 200: StockAnswer, ...problems('bad-request', 'unknown-offer', 'not-ready') },
      },
    },
    ({ params }) => stockAnswer(stock, catalog.onSale(Number(params.id)).id),
  );

  app.get<{ Params: Static<typeof OfferId> }>(
    '/api/offers/:id/stock/stream',
    {
      // HEAD would wait for the end of a stream that has none.
      exposeHeadRoute: false,
      schema: {
        tags: ['offers'],
        summary: 'What is left, as server-sent events `stock`',
        params: OfferId,
        response: {
          200: { description: 'Events', content: { 'text/event-stream': { schema: Type.String(streamed) } } },
          ...problems('bad-request', 'unknown-offer', 'unavailable', 'not-ready'),
        },
      },
    },
    ({ params }, reply) => {
      streams.add(catalog.onSale(Number(params.id)).id, reply.raw);
      // Ends the deadline of handlers too: a stream has no end that one could wait for.
      reply.hijack();
    },
  );
}

export function offerAnswer(offer: Offer): Static<typeof OfferAnswer> {
  const { id, kind, title, capacity, priceMinor, currency, rooms, stockRoom, perEntry, perMember } = offer;
  const price = { minor: priceMinor, currency };
  const limits = { perEntry, perMember };
  return { id, kind, title, capacity, price, rooms: [...rooms], stockRoom, ...limits, nights: offer.nights };
}
