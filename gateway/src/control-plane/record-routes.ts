import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import type { FastifyInstance } from 'fastify';
import { type Static, type TSchema, Type } from 'typebox';
import type { LiveRoom } from '../queue/live-room.ts';
import type { Rooms } from '../queue/rooms.ts';
import { ask } from '../queue/visits.ts';
import type { Auth } from './auth.ts';
import { AuditEntry, HistorySample, type Page, readAudit, readHistory } from './records.ts';
import { RoomParams, roomOf } from './requests.ts';

const defaultLimit = 100;

const PageQuery = Type.Object({
  limit: Type.Optional(
    Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$', description: 'Most entries, 1 to 1000; default 100' }),
  ),
  before: Type.Optional(
    Type.String({
      pattern: '^[0-9]{1,15}-[0-9]{1,15}$',
      description: 'Only entries older than the one of this id',
    }),
  ),
});

type Parts = { readonly rooms: Rooms; readonly redis: Redis; readonly auth: Auth };
type Entry = { readonly id: string };

export function recordRoutes(app: FastifyInstance, { rooms, redis, auth }: Parts): void {
  addRecord('audit', 'Who changed what and why, newest first', AuditEntry, readAudit);
  addRecord(
    'history',
    'One sample a second for charts, of the last hour awake, newest first',
    HistorySample,
    readHistory,
  );

  function addRecord(
    name: string,
    summary: string,
    entry: TSchema,
    read: (redis: Redis, room: LiveRoom, page: Page) => Promise<readonly Entry[]>,
  ): void {
    const Answer = Type.Object({
      entries: Type.Array(entry),
      next: Type.Union([Type.String(), Type.Null()], {
        description: 'For `before` of the next page; null at the end',
      }),
    });
    app.get<{ Querystring: Static<typeof PageQuery> }>(
      `/api/rooms/:room/${name}`,
      {
        onRequest: auth.needs('viewer'),
        schema: {
          tags: ['numbers'],
          summary,
          params: RoomParams,
          querystring: PageQuery,
          response: {
            200: Answer,
            ...problems('bad-request', 'token-required', 'role-required', 'unknown-room', 'unavailable'),
          },
        },
      },
      async (request) => {
        const room = roomOf(rooms, request);
        const { limit: text, before } = request.query;
        const limit = text === undefined ? defaultLimit : Number(text);
        const entries = await ask(room, () => read(redis, room, { limit, before }));
        return { entries, next: entries.length < limit ? null : (entries.at(-1)?.id ?? null) };
      },
    );
  }
}
