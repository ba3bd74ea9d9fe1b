import { AppError } from '@ropeline/core/errors.ts';
import { problemSchema, problems } from '@ropeline/core/http/problem-schemas.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { TakenNames } from '../inventory/taken-names.ts';
import type { AccessTokens } from '../members/access-tokens.ts';
import type { Offer } from '../offers/offer.ts';
import { free, type StockSource } from '../offers/stock-counts.ts';
import type { OrderDesk } from '../orders/order-desk.ts';
import { type Auth, memberIn, memberOf } from '../plugins/auth.ts';
import { readSeatMap } from '../source-systems/seat-map.ts';
import { offerIn, type SourceOffer, type SourceOffers } from '../source-systems/source-offers.ts';
import { idIn } from './source-schemas.ts';

const MusicalId = Type.Object({ musicalId: Type.String({ pattern: '^[1-9][0-9]{0,8}$', examples: ['1'] }) });

const Musicals = Type.Array(
  Type.Object({ id: Type.Integer(), title: Type.String(), seats: Type.Integer(), available: Type.Integer() }),
  { examples: [[{ id: 1, title: 'Musical 1', seats: 140, available: 132 }]] },
);

const Seats = Type.Array(
  Type.Object({
    seatName: Type.String(),
    section: Type.String(),
    priceMinor: Type.Integer(),
    reserved: Type.Boolean(),
  }),
  { examples: [[{ seatName: 'A1', section: 'stalls', priceMinor: 90_000, reserved: false }]] },
);

const Reservation = Type.Object(
  { seatName: Type.String({ minLength: 1, maxLength: 16 }) },
  { examples: [{ seatName: 'A1' }] },
);
const Message = Type.Object({ message: Type.String() });

/** In their own words where a seat is refused; a call that is malformed gets a problem. */
const refusedSeat = {
  description: 'The seat is taken, or there is none of the name; or `bad-request`',
  content: {
    'application/json': { schema: { ...Message, examples: [{ message: 'A1 is taken' }] } },
    'application/problem+json': { schema: problemSchema(['bad-request']) },
  },
};

const topOf = 5;

type Parts = {
  readonly auth: Auth;
  readonly pool: Pool;
  readonly sources: SourceOffers;
  readonly stock: StockSource;
  readonly takenNames: TakenNames;
  readonly tokens: AccessTokens;
  readonly desk: OrderDesk;
};

/** The musical system that is replaced: lists, seat maps from the database and from memory, seats sold at once. */
export function sourceMusicalRoutes(app: FastifyInstance, parts: Parts): void {
  const { auth, pool, sources, stock, takenNames, tokens, desk } = parts;
  const findMusical = sources.finder('musical', ({ params }) =>
    idIn((params as Static<typeof MusicalId>).musicalId),
  );
  const listing = (summary: string) => ({
    schema: { tags: ['source'], summary, response: { 200: Musicals, ...problems('unavailable') } },
  });

  app.get('/api/test/performance/musicals/all', listing('All musicals'), async () =>
    (await sources.list('musical')).map(musicalAnswer),
  );

  app.get('/api/test/performance/musicals/top5', listing('The five that sold most seats'), async () =>
    (await sources.list('musical'))
      .map(musicalAnswer)
      .toSorted((a, b) => b.seats - b.available - (a.seats - a.available) || a.id - b.id)
      .slice(0, topOf),
  );

  const seats = (summary: string, ...refusals: readonly 'not-ready'[]) => ({
    preHandler: findMusical,
    schema: {
      tags: ['source'],
      summary,
      params: MusicalId,
      response: { 200: Seats, ...problems('bad-request', 'unknown-offer', ...refusals, 'unavailable') },
    },
  });

  app.get(
    '/api/test/performance/seats/:musicalId/db',
    seats('The seat map as the database has it'),
    (request) => readSeatMap(pool, offerIn(request).id),
  );

  app.get(
    '/api/test/performance/seats/:musicalId/cached',
    seats('The seat map from memory, at most half a second old', 'not-ready'),
    async (request) => {
      const offer = offerIn(request);
      const taken = await takenNames.read(offer.id);
      return [...offer.seats].map(([seatName, { section, priceMinor }]) => ({
        ...{ seatName, section, priceMinor },
        reserved: taken.has(seatName),
      }));
    },
  );

  app.post<{ Body: Static<typeof Reservation> }>(
    '/api/reservations/:musicalId',
    {
      preHandler: [
        async (request) => {
          request.member = await memberOf(tokens, bareToken(request));
        },
        findMusical,
        auth.requireEntry(offerIn),
      ],
      schema: {
        tags: ['source'],
        summary: 'Buy one seat at once',
        description: 'The access token comes bare in `Authorization`; there is no payment step.',
        params: MusicalId,
        body: Reservation,
        response: {
          200: { ...Message, examples: [{ message: 'A1 is reserved' }] },
          400: refusedSeat,
          ...problems(
            'login-required',
            'entry-required',
            'entry-bound',
            'entry-wrong-room',
            'unknown-offer',
            'limit-reached',
            'not-ready',
            'unavailable',
          ),
        },
      },
    },
    async (request, reply) => {
      const { seatName } = request.body;
      const refusedBy = await reserve(request, offerIn(request), seatName);
      if (refusedBy === undefined) return { message: `${seatName} is reserved` };
      return reply.code(400).send({ message: refusedBy });
    },
  );

  /** Undefined when the seat is the member's; else why not. */
  async function reserve(
    request: FastifyRequest,
    offer: Offer,
    seatName: string,
  ): Promise<string | undefined> {
    if (!offer.seats.has(seatName)) return `There is no seat ${seatName}`;
    try {
      await desk.place({
        offer,
        memberId: memberIn(request).id,
        wanted: { seats: [seatName] },
        entry: request.entry?.jti,
        idempotencyKey: '',
        atOnce: true,
      });
      return undefined;
    } catch (error) {
      if (error instanceof AppError && takenCodes.has(error.code)) return `${seatName} is taken`;
      throw error;
    }
  }

  function musicalAnswer({ sourceId, offer }: SourceOffer): Static<typeof Musicals>[number] {
    const counts = stock.read(offer.id);
    const available = counts === undefined ? offer.capacity : free(counts);
    return { id: sourceId, title: offer.title, seats: offer.capacity, available };
  }
}

/** In a full house every seat is taken. */
const takenCodes: ReadonlySet<string> = new Set(['taken', 'sold-out', 'all-held']);

/** With or without `Bearer `: their clients send the bare token. */
function bareToken({ headers }: FastifyRequest): string | undefined {
  return headers.authorization?.replace(/^Bearer /i, '');
}
