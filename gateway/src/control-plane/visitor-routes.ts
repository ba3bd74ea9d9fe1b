import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { RedisClient } from '@ropeline/core/redis/connect.ts';
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { ask } from '../queue/ask.ts';
import type { Rooms } from '../queue/rooms.ts';
import type { Auth } from './auth.ts';
import { recordRevocation } from './records.ts';
import { changeOf, ReasonQuery, roomOf } from './requests.ts';

const VisitorParams = Type.Object({
  room: Type.String(),
  visitor: Type.String({ maxLength: 64, description: 'Id of the visitor, as in its status' }),
});

type Parts = { readonly rooms: Rooms; readonly redis: RedisClient; readonly auth: Auth };

export function visitorRoutes(app: FastifyInstance, { rooms, redis, auth }: Parts): void {
  app.delete<{ Params: Static<typeof VisitorParams> }>(
    '/api/rooms/:room/visitors/:visitor',
    {
      onRequest: auth.needs('operator'),
      schema: {
        tags: ['visitors'],
        summary: 'Revoke a place, a turn or a session',
        description:
          'The visitor is told so at once. Gateways refuse a revoked session from now on; who verifies entry tokens ' +
          'offline does so when the token ends.',
        params: VisitorParams,
        querystring: ReasonQuery,
        response: {
          204: Type.Null({ description: 'Revoked' }),
          ...problems(
            'bad-request',
            'token-required',
            'role-required',
            'unknown-room',
            'no-place',
            'unavailable',
          ),
        },
      },
    },
    async (request, reply) => {
      const room = roomOf(rooms, request);
      const { visitor } = request.params;
      const revoked = await ask(room, () => room.engine.leave(room.cursor, visitor, 'revoked'));
      if (!revoked) throw new AppError('no-place');
      room.metrics.left();
      room.wake();
      await ask(room, () => recordRevocation(redis, room, visitor, changeOf(request)));
      return reply.code(204).send();
    },
  );
}
