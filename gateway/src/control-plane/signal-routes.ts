import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { ask } from '../queue/ask.ts';
import type { Rooms } from '../queue/rooms.ts';
import { type Auth, authorOf } from './auth.ts';
import { RoomParams, roomOf } from './requests.ts';

const Units = Type.Integer({ minimum: 0, maximum: 1_000_000_000_000 });

const Signal = Type.Object({
  stock: Type.Optional(
    Type.Object({ capacity: Units, held: Units, sold: Units }, { additionalProperties: false }),
  ),
  health: Type.Optional(
    Type.Object(
      {},
      {
        additionalProperties: true,
        description:
          'Reserved for what an upstream reports of its own health; nothing reads it in this version',
      },
    ),
  ),
});

type Parts = { readonly rooms: Rooms; readonly auth: Auth };

export function signalRoutes(app: FastifyInstance, { rooms, auth }: Parts): void {
  app.post<{ Body: Static<typeof Signal> }>(
    '/api/rooms/:room/signals',
    {
      onRequest: auth.requireSignal,
      schema: {
        tags: ['signals'],
        summary: 'What the upstream reports',
        description:
          'Takes the signal token (`SIGNAL_TOKEN`) or an operator. The last stock signal wins. A room whose ' +
          '`stock.follow` is true stops admitting while nothing is free but some is held (`stock-held`), and ends ' +
          'its queue when all is sold (`sold-out`); free units undo both.',
        params: RoomParams,
        body: Signal,
        response: {
          204: Type.Null({ description: 'Taken' }),
          ...problems('bad-request', 'token-required', 'role-required', 'unknown-room', 'unavailable'),
        },
      },
    },
    async (request, reply) => {
      const room = roomOf(rooms, request);
      const { stock } = request.body;
      if (stock !== undefined) {
        if (stock.held + stock.sold > stock.capacity) {
          throw new AppError('bad-request', { detail: 'held + sold must not exceed capacity' });
        }
        await ask(room, () => room.engine.signal(room.cursor, stock, authorOf(request)));
      }
      return reply.code(204).send();
    },
  );
}
