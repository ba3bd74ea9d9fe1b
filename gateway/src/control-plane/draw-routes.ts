import { Readable } from 'node:stream';
import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { ask } from '../queue/ask.ts';
import type { Rooms } from '../queue/rooms.ts';
import type { Auth } from './auth.ts';
import { untilKnown } from './change-room.ts';
import { drawLines } from './draw-export.ts';
import { changeOf, ReasonQuery, RoomParams, roomOf } from './requests.ts';
import { answer } from './room-routes.ts';
import { RoomView } from './room-view.ts';

const BeaconBody = Type.Object(
  {
    value: Type.String({
      minLength: 1,
      maxLength: 500,
      pattern: '^[^\\u0000-\\u001f\\u007f]+$',
      description: 'The value as it was published; its UTF-8 goes into the draw as it stands here',
    }),
    reason: Type.Optional(Type.String({ maxLength: 500, description: 'Why, for the audit' })),
  },
  { additionalProperties: false },
);

type Parts = { readonly rooms: Rooms; readonly auth: Auth };

/** The beacon of a lottery, and its draw for whoever wants to check it. */
export function drawRoutes(app: FastifyInstance, { rooms, auth }: Parts): void {
  app.post<{ Body: Static<typeof BeaconBody> }>(
    '/api/rooms/:room/beacon',
    {
      onRequest: auth.needs('operator'),
      schema: {
        tags: ['draw'],
        summary: 'Give the value of the beacon',
        description:
          'The public value that `queue.beacon` names. It is taken once, and only when the participants’ hash is ' +
          'public: 409 `draw-not-ready` before, 409 `beacon-settled` after with another value. The draw is made at once.',
        params: RoomParams,
        querystring: ReasonQuery,
        body: BeaconBody,
        response: {
          200: RoomView,
          ...problems(
            'bad-request',
            'token-required',
            'role-required',
            'unknown-room',
            'draw-not-ready',
            'beacon-settled',
            'unavailable',
          ),
        },
      },
    },
    async (request, reply) => {
      const room = roomOf(rooms, request);
      const { value } = request.body;
      if (!value.isWellFormed())
        throw new AppError('bad-request', { detail: 'The value is not well-formed text' });
      const { author, reason } = changeOf(request, request.body.reason);
      const given = await ask(room, () => room.engine.draw.giveBeacon(room.cursor, value, author, reason));
      switch (given.outcome) {
        case 'given':
          await untilKnown(room, given.version);
          return answer(reply, room);
        case 'too-early':
          throw new AppError('draw-not-ready', { detail: 'The participants’ hash is not public yet' });
        case 'settled':
          throw new AppError('beacon-settled');
        case 'none':
          throw new AppError('draw-not-ready', { detail: 'This draw waits for no beacon' });
        default:
          throw given.outcome satisfies never;
      }
    },
  );

  app.get(
    '/api/rooms/:room/export',
    {
      onRequest: auth.needs('viewer'),
      schema: {
        tags: ['draw'],
        summary: 'The draw, for whoever wants to check it',
        description:
          'Lines of JSON, streamed: what the draw was made from, then every participant with place and score in the ' +
          'order of the places, then the end. `npm run verify-draw -- <file>` checks it. 409 `draw-not-ready` before ' +
          'the draw is made.',
        params: RoomParams,
        produces: ['application/x-ndjson'],
        response: {
          200: Type.String({ description: 'Lines of JSON (docs/draw.md)' }),
          ...problems('token-required', 'role-required', 'unknown-room', 'draw-not-ready', 'unavailable'),
        },
      },
    },
    async (request, reply) => {
      const room = roomOf(rooms, request);
      if (room.draw.state.doneAt === 0) throw new AppError('draw-not-ready');
      return reply
        .header('cache-control', 'no-store')
        .header('content-disposition', `attachment; filename="${room.name}-draw.jsonl"`)
        .type('application/x-ndjson')
        .send(Readable.from(drawLines(room)));
    },
  );
}
