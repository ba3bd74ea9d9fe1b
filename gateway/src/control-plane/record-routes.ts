import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { RedisClient } from '@ropeline/core/redis/connect.ts';
import { type RoomKeys, roomKeys, roomNamePattern } from '@ropeline/core/redis/room-keys.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, type TSchema, Type } from 'typebox';
import { ask } from '../queue/ask.ts';
import type { LiveRoom } from '../queue/live-room.ts';
import type { Rooms } from '../queue/rooms.ts';
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

type Parts = { readonly rooms: Rooms; readonly redis: RedisClient; readonly auth: Auth };
type Entry = { readonly id: string };

export function recordRoutes(app: FastifyInstance, { rooms, redis, auth }: Parts): void {
  addRecord(
    'audit',
    'Who changed what and why, newest first; of a deleted room for a year',
    AuditEntry,
    readAudit,
  );
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
    read: (redis: RedisClient, keys: RoomKeys, page: Page) => Promise<readonly Entry[]>,
  ): void {
    const Answer = Type.Object({
      entries: Type.Array(entry),
      next: Type.Union([Type.String(), Type.Null()], {
        description: 'For `before` of the next page; null at the end',
      }),
    });
    app.get<{ Querystring: Static<typeof PageQuery>; Params: Static<typeof RoomParams> }>(
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
        const { limit: text, before } = request.query;
        const limit = text === undefined ? defaultLimit : Number(text);
        const keys = roomKeys(request.params.room);
        const room = await roomOrDeleted(request, name);
        const entries = await asking(room, () => read(redis, keys, { limit, before }));
        return { entries, next: entries.length < limit ? null : (entries.at(-1)?.id ?? null) };
      },
    );
  }

  /** Of a room that was deleted the audit is still there: then undefined. Throws 404 `unknown-room`. */
  async function roomOrDeleted(
    request: FastifyRequest<{ Params: Static<typeof RoomParams> }>,
    record: string,
  ): Promise<LiveRoom | undefined> {
    const { room: name } = request.params;
    if (record !== 'audit' || rooms.get(name) !== undefined || !new RegExp(roomNamePattern).test(name)) {
      return roomOf(rooms, request);
    }
    const wasDeleted = await asking(undefined, () => rooms.wasDeleted(name));
    return wasDeleted ? undefined : roomOf(rooms, request);
  }
}

/** As {@link ask}, also where there is no room any more. */
function asking<T>(room: LiveRoom | undefined, call: () => Promise<T>): Promise<T> {
  if (room !== undefined) return ask(room, call);
  return call().catch((cause: unknown) => {
    throw new AppError('unavailable', { cause, retryAfterSeconds: 2 });
  });
}
