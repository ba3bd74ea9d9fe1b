import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Rooms } from '../queue/rooms.ts';
import type { Auth } from './auth.ts';
import { RoomParams, roomOf } from './requests.ts';
import { readStats, Stats } from './room-numbers.ts';
import type { StatsStreams } from './stats-streams.ts';

type Parts = { readonly rooms: Rooms; readonly auth: Auth; readonly streams: StatsStreams };

export function statsRoutes(app: FastifyInstance, { rooms, auth, streams }: Parts): void {
  const refusals = problems('token-required', 'role-required', 'unknown-room', 'unavailable');

  app.get(
    '/api/rooms/:room/stats',
    {
      onRequest: auth.needs('viewer'),
      schema: {
        tags: ['numbers'],
        summary: 'The numbers of a room, exact at this moment',
        params: RoomParams,
        response: { 200: Stats, ...refusals },
      },
    },
    (request) => readStats(roomOf(rooms, request)),
  );

  app.get(
    '/api/rooms/:room/stats/stream',
    {
      onRequest: auth.needs('viewer'),
      schema: {
        tags: ['numbers'],
        summary: 'The same once a second, as server-sent events',
        description: 'Events `stats`; while Redis is away events `state` with the state alone.',
        params: RoomParams,
        response: {
          200: { description: 'Events', content: { 'text/event-stream': { schema: Type.String() } } },
          ...refusals,
        },
      },
    },
    async (request, reply) => {
      await streams.add(roomOf(rooms, request), reply.raw);
      // Ends the deadline of handlers too: a stream has no end that one could wait for.
      reply.hijack();
    },
  );
}
