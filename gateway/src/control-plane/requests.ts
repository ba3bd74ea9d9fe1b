import { AppError } from '@ropeline/core/errors.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { LiveRoom } from '../queue/live-room.ts';
import type { Rooms } from '../queue/rooms.ts';
import { authorOf } from './auth.ts';
import type { Change } from './change-room.ts';

/** What the routes of one room have in common. */
export const RoomParams = Type.Object({ room: Type.String() });

export const ReasonQuery = Type.Object({
  reason: Type.Optional(Type.String({ maxLength: 500, description: 'Why, for the audit' })),
});

/** Throws 404 `unknown-room`. */
export function roomOf(rooms: Rooms, request: FastifyRequest): LiveRoom {
  const { room: name } = request.params as Static<typeof RoomParams>;
  const room = rooms.get(name);
  if (room === undefined) throw new AppError('unknown-room');
  return room;
}

export function changeOf(request: FastifyRequest, reasonInBody?: string): Change {
  const { reason = '' } = request.query as Static<typeof ReasonQuery>;
  return { author: authorOf(request), reason: reasonInBody ?? reason };
}

/** JSON only; an empty body is no body, whatever its content type says. */
export function readJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, body as string, done);
  });
}
