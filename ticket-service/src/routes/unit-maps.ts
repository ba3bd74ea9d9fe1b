import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { TakenNames } from '../inventory/taken-names.ts';
import { nightsOf } from '../offers/night.ts';
import type { OfferCatalog } from '../offers/offer-catalog.ts';
import { OfferId } from './offers.ts';

const Price = Type.Object({ minor: Type.Integer(), currency: Type.String({ description: 'ISO 4217' }) });
const date = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' });
const Stay = Type.Object({ from: date, to: date });

const SeatMap = Type.Object(
  {
    seats: Type.Array(
      Type.Object({ seat: Type.String(), section: Type.String(), price: Price, free: Type.Boolean() }),
    ),
  },
  {
    examples: [
      { seats: [{ seat: 'A1', section: 'stalls', price: { minor: 90_000, currency: 'KRW' }, free: true }] },
    ],
  },
);

const Calendar = Type.Object(
  {
    timeZone: Type.Union([Type.String(), Type.Null()], { description: "The hotel's, IANA" }),
    nights: Type.Array(Type.Object({ night: date, price: Price, free: Type.Boolean() })),
  },
  {
    examples: [
      {
        timeZone: 'Asia/Seoul',
        nights: [{ night: '2026-12-30', price: { minor: 90_000, currency: 'KRW' }, free: true }],
      },
    ],
  },
);

const mostShown = 366;

type Parts = { readonly catalog: OfferCatalog; readonly takenNames: TakenNames };

/** Seat maps and calendars: which units an offer has by name, and which are free, at most half a second old. */
export function unitMapRoutes(app: FastifyInstance, { catalog, takenNames }: Parts): void {
  app.get<{ Params: Static<typeof OfferId> }>(
    '/api/offers/:id/seats',
    {
      schema: {
        tags: ['offers'],
        summary: 'The seat map',
        params: OfferId,
        response: { 200: SeatMap, ...problems('bad-request', 'unknown-offer', 'not-ready', 'unavailable') },
      },
    },
    async ({ params }) => {
      const offer = catalog.onSale(Number(params.id));
      if (offer.kind !== 'seats') throw new AppError('bad-request', { detail: 'This offer has no seats' });
      const taken = await takenNames.read(offer.id);
      const seats = [...offer.seats].map(([seat, { section, priceMinor }]) => ({
        seat,
        section,
        price: { minor: priceMinor, currency: offer.currency },
        free: !taken.has(seat),
      }));
      return { seats };
    },
  );

  app.get<{ Params: Static<typeof OfferId>; Querystring: Static<typeof Stay> }>(
    '/api/offers/:id/nights',
    {
      schema: {
        tags: ['offers'],
        summary: `The nights of [from, to), at most ${mostShown}`,
        params: OfferId,
        querystring: Stay,
        response: { 200: Calendar, ...problems('bad-request', 'unknown-offer', 'not-ready', 'unavailable') },
      },
    },
    async ({ params, query }) => {
      const offer = catalog.onSale(Number(params.id));
      if (offer.nights === null) throw new AppError('bad-request', { detail: 'This offer has no nights' });
      const asked = nightsOf(query.from, query.to, mostShown);
      if (asked === undefined)
        throw new AppError('bad-request', {
          detail: `from and to are dates, 1 to ${mostShown} nights apart`,
        });
      const { first, end, timeZone } = offer.nights;
      const taken = await takenNames.read(offer.id);
      const price = { minor: offer.priceMinor, currency: offer.currency };
      const nights = asked.map((night) => ({
        night,
        price,
        free: night >= first && night < end && !taken.has(night),
      }));
      return { timeZone, nights };
    },
  );
}
