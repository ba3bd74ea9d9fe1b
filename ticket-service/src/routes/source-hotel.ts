import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import { orderStates } from '@ropeline/core/stock/order-record.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { technicalMember } from '../demo/seed-demo.ts';
import { technicalHolder } from '../entries/entry-guard.ts';
import type { OfferEditor } from '../offers/offer-editor.ts';
import type { NewOffer } from '../offers/write-offers.ts';
import type { Auth } from '../plugins/auth.ts';
import type { BookedBook, Books } from '../source-systems/books.ts';
import { roomNights } from '../source-systems/room-nights.ts';
import { nightIn } from '../source-systems/source-night.ts';
import { offerIn, type SourceOffers } from '../source-systems/source-offers.ts';
import { Id, idIn } from './source-schemas.ts';
import { storedText } from './text-schema.ts';

const ById = Type.Object({ id: Type.String({ pattern: '^[1-9][0-9]{0,8}$', examples: ['1'] }) });
const ByBook = Type.Object({ bookId: Type.String({ pattern: '^[1-9][0-9]{0,8}$', examples: ['1'] }) });
const price = Type.Union([
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  Type.String({ pattern: '^[0-9]{1,15}$' }),
]);
const date = Type.Union([Type.Integer(), Type.String({ minLength: 8, maxLength: 40 })], {
  description: '`20210505` as a number or text, or ISO 8601; its time of day counts for nothing',
});
const word = Type.Union([Type.Integer(), storedText({ maxLength: 100 }), Type.Null()]);

const RoomWish = Type.Object({ price }, { examples: [{ price: 120_000 }] });
const Room = Type.Object(
  { id: Type.Integer(), price: Type.Integer({ description: 'Of one night' }) },
  { examples: [{ id: 11, price: 120_000 }] },
);

const BookWish = Type.Object(
  {
    roomId: Id,
    price: Type.Optional(
      Type.Union([Type.Number(), word], { description: "Kept; charged is the room's price" }),
    ),
    startDate: date,
    endDate: date,
    hostId: Type.Optional(word),
    guestId: Type.Optional(word),
    bookId: Type.Optional(word),
  },
  { examples: [{ roomId: 1, price: 240_000, startDate: 20_270_505, endDate: 20_270_507, guestId: 9 }] },
);
type BookWish = Static<typeof BookWish>;

const bookExample = {
  ...{ id: 1, roomId: 1, startDate: '2027-05-05', endDate: '2027-05-07', price: '240000' },
  ...{ hostId: null, guestId: '9', state: 'COMPLETED', orderId: '0197a7c2-7d4e-7cc0-9a51-3f2f6f0b7a02' },
};
const orNull = Type.Union([Type.String(), Type.Null()]);
const Book = Type.Object(
  {
    ...{ id: Type.Integer(), roomId: Type.Integer(), startDate: Type.String(), endDate: Type.String() },
    ...{ price: orNull, hostId: orNull, guestId: orNull },
    state: Type.Enum(orderStates),
    orderId: Type.String({ description: 'The correlation id of all that happens to it' }),
  },
  { examples: [bookExample] },
);
const Payment = Type.Object(
  {
    ...{ bookId: Type.Integer(), orderId: Type.String(), reference: Type.String() },
    state: Type.Enum(['pending', 'paid', 'declined', 'unknown', 'refund-due', 'refunded']),
    amount: Type.Object({ minor: Type.Integer(), currency: Type.String() }),
  },
  {
    examples: [
      {
        ...{ bookId: 1, orderId: bookExample.orderId, reference: `${bookExample.orderId}:1`, state: 'paid' },
        amount: { minor: 240_000, currency: 'KRW' },
      },
    ],
  },
);

type Parts = {
  readonly auth: Auth;
  readonly sources: SourceOffers;
  readonly editor: OfferEditor;
  readonly books: Books;
};

/** The hotel system that is replaced: rooms, books that are paid in the same call, and their payments. */
export function sourceHotelRoutes(app: FastifyInstance, { auth, sources, editor, books }: Parts): void {
  app.post<{ Body: Static<typeof RoomWish> }>(
    '/rooms',
    {
      schema: {
        tags: ['source'],
        summary: 'Make a room',
        body: RoomWish,
        response: { 201: Room, ...problems('bad-request', 'unavailable') },
      },
    },
    async ({ body }, reply) => {
      const priceMinor = Number(body.price);
      const id = await sources.nextRoomId();
      const offer: NewOffer = {
        ...{ kind: 'nights', title: 'A room', capacity: 0, priceMinor, currency: 'KRW', rooms: ['demo'] },
        ...{ stockRoom: null, perEntry: null, perMember: null, shards: 1, seats: [], nights: roomNights },
        hostId: null,
      };
      await editor.create(offer, (client, offerId) => sources.name(client, 'room', id, offerId));
      await sources.catchUp();
      return reply.code(201).send({ id, price: priceMinor });
    },
  );

  app.get(
    '/rooms',
    {
      schema: {
        tags: ['source'],
        summary: 'All rooms',
        response: { 200: Type.Array(Room), ...problems('unavailable') },
      },
    },
    async () =>
      (await sources.list('room')).map(({ sourceId, offer }) => ({ id: sourceId, price: offer.priceMinor })),
  );

  app.delete(
    '/rooms/:id',
    {
      preHandler: sources.finder('room', ({ params }) => idIn((params as Static<typeof ById>).id)),
      schema: {
        tags: ['source'],
        summary: 'Withdraw a room; its books stay',
        params: ById,
        response: {
          204: Type.Null(),
          ...problems('bad-request', 'unknown-offer', 'unavailable'),
        },
      },
    },
    async (request, reply) => {
      await editor.withdraw(offerIn(request).id);
      return reply.code(204).send();
    },
  );

  app.post<{ Body: BookWish }>(
    '/books',
    {
      preHandler: [
        sources.finder('room', ({ body }) => idIn((body as BookWish).roomId)),
        auth.requireTechnicalEntry(offerIn),
      ],
      schema: {
        tags: ['source'],
        summary: 'Reserve nights and pay for them in one call',
        description:
          'Nothing is left behind when the payment fails. 202: not yet known; it is settled by itself.',
        body: BookWish,
        response: {
          201: Book,
          202: Book,
          ...problems(
            ...(['bad-request', 'entry-required', 'entry-bound', 'entry-wrong-room'] as const),
            ...(['unknown-offer', 'taken', 'limit-reached'] as const),
            ...(['payment-declined', 'payment-unavailable', 'not-ready', 'unavailable'] as const),
          ),
        },
      },
    },
    async (request, reply) => answerBook(await books.book(bookWish(request)), reply),
  );

  app.get<{ Params: Static<typeof ById> }>(
    '/books/:id',
    {
      schema: {
        tags: ['source'],
        summary: 'A book that stands',
        params: ById,
        response: { 200: Book, ...problems('bad-request', 'unknown-order', 'unavailable') },
      },
    },
    async ({ params }) => bookAnswer(await books.read(idIn(params.id))),
  );

  app.delete<{ Params: Static<typeof ById> }>(
    '/books/:id',
    {
      schema: {
        tags: ['source'],
        summary: 'Cancel a book: its nights are free, its payment is cancelled afterwards',
        params: ById,
        response: {
          204: Type.Null(),
          ...problems('bad-request', 'unknown-order', 'wrong-state', 'not-ready', 'unavailable'),
        },
      },
    },
    async ({ params }, reply) => {
      await books.cancel(idIn(params.id));
      return reply.code(204).send();
    },
  );

  app.get<{ Params: Static<typeof ByBook> }>(
    '/payments/:bookId',
    {
      schema: {
        tags: ['source'],
        summary: 'The payment of a book, also of one that was cancelled',
        params: ByBook,
        response: { 200: Payment, ...problems('bad-request', 'unknown-order', 'unavailable') },
      },
    },
    async ({ params }) => {
      const { book, payment } = await books.payment(idIn(params.bookId));
      const { reference, state, amountMinor: minor, currency } = payment;
      return { bookId: book.id, orderId: book.orderId, reference, state, amount: { minor, currency } };
    },
  );
}

function bookWish(request: FastifyRequest): Parameters<Books['book']>[0] {
  const { roomId, startDate, endDate, price: said, hostId, guestId } = request.body as BookWish;
  const [from, to] = [nightIn(startDate), nightIn(endDate)];
  if (from === undefined || to === undefined)
    throw new AppError('bad-request', { detail: 'startDate and endDate are dates' });
  const entry = request.entry?.jti;
  return {
    offer: offerIn(request),
    roomId: idIn(roomId),
    startDate: from,
    endDate: to,
    price: textOf(said),
    hostId: textOf(hostId),
    guestId: textOf(guestId),
    memberId: entry === undefined ? technicalMember : technicalHolder(entry),
    entry,
  };
}

function textOf(value: number | string | null | undefined): string | null {
  return value === undefined || value === null ? null : String(value);
}

function answerBook(booked: BookedBook, reply: FastifyReply): FastifyReply {
  const isKnown = booked.order.state === 'COMPLETED';
  return reply.code(isKnown ? 201 : 202).send(bookAnswer(booked));
}

function bookAnswer({ book, order }: BookedBook): Static<typeof Book> {
  const { id, roomId, startDate, endDate, price: said, hostId, guestId, orderId } = book;
  return { id, roomId, startDate, endDate, price: said, hostId, guestId, state: order.state, orderId };
}
