import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import { roomNamePattern } from '@ropeline/core/redis/room-keys.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { LiveRoom } from '../queue/live-room.ts';
import type { Rooms } from '../queue/rooms.ts';
import { defaultRules } from '../queue/rules.ts';
import type { Auth } from './auth.ts';
import { mergedRules, patchRules } from './change-room.ts';
import { changeOf, ReasonQuery, RoomParams, roomOf } from './requests.ts';
import { RoomSummary, RoomView, summaryOf, viewOf } from './room-view.ts';
import { RulesPatch } from './rules-patch.ts';

const NewRoom = Type.Object(
  {
    room: Type.String({ pattern: roomNamePattern }),
    rules: Type.Optional(RulesPatch),
  },
  { additionalProperties: false },
);

/** Rules are checked by their own checker, which lists every problem with its path: here they are only described. */
const describedOnly = { validatorCompiler: () => () => true } as const;

type Parts = { readonly rooms: Rooms; readonly auth: Auth };

export function roomRoutes(app: FastifyInstance, { rooms, auth }: Parts): void {
  deletion(app, { rooms, auth });
  app.get(
    '/api/rooms',
    {
      onRequest: auth.needs('viewer'),
      schema: {
        tags: ['rooms'],
        summary: 'All rooms',
        response: {
          200: Type.Object({ rooms: Type.Array(RoomSummary) }),
          ...problems('token-required', 'role-required'),
        },
      },
    },
    async () => ({ rooms: await Promise.all(rooms.all().map(summaryOf)) }),
  );

  app.post(
    '/api/rooms',
    {
      onRequest: auth.needs('admin'),
      ...describedOnly,
      schema: {
        tags: ['rooms'],
        summary: 'Make a room',
        description: 'What `rules` leaves out has its default. Takes the role admin.',
        querystring: ReasonQuery,
        body: NewRoom,
        response: {
          201: RoomView,
          ...problems('bad-request', 'token-required', 'role-required', 'room-exists', 'unavailable'),
        },
      },
    },
    async (request, reply) => {
      const { name, rules } = newRoom(request.body);
      const { author, reason } = checkedChange(request);
      const room = await make(rooms, name, rules, author, reason);
      return answer(reply.code(201).header('location', `/api/rooms/${name}`), room);
    },
  );

  app.get(
    '/api/rooms/:room',
    {
      onRequest: auth.needs('viewer'),
      schema: {
        tags: ['rooms'],
        summary: 'Rules, state, flags and counts of a room',
        params: RoomParams,
        response: { 200: RoomView, ...problems('token-required', 'role-required', 'unknown-room') },
      },
    },
    (request, reply) => answer(reply, roomOf(rooms, request)),
  );

  app.patch(
    '/api/rooms/:room',
    {
      onRequest: auth.needs('operator'),
      ...describedOnly,
      schema: {
        tags: ['rooms'],
        summary: 'Change rules',
        description:
          'Merges nested rules; lists are replaced whole; `null` takes a rule back to its default. Takes effect ' +
          'with the next tick. All problems are listed in the member `problems`, then nothing is changed. With ' +
          '`If-Match` (the ETag, which is the version) 409 `conflict` when somebody was quicker. A lane in which ' +
          'visitors stand cannot be removed: 409 `conflict`.',
        params: RoomParams,
        querystring: ReasonQuery,
        headers: Type.Object({ 'if-match': Type.Optional(Type.String({ examples: ['"12"'] })) }),
        body: RulesPatch,
        response: {
          200: RoomView,
          ...problems(
            'bad-request',
            'token-required',
            'role-required',
            'unknown-room',
            'conflict',
            'unavailable',
          ),
        },
      },
    },
    async (request, reply) => {
      const room = roomOf(rooms, request);
      await patchRules(room, request.body, expectedVersion(request), checkedChange(request));
      return answer(reply, room);
    },
  );
}

function deletion(app: FastifyInstance, { rooms, auth }: Parts): void {
  app.delete(
    '/api/rooms/:room',
    {
      onRequest: auth.needs('admin'),
      schema: {
        tags: ['rooms'],
        summary: 'Delete a room',
        description:
          'With its queue, turns, sessions, numbers and codes. Sockets are told (`state` closed) and closed with ' +
          '4504, tickets get 404 `unknown-room`, entries are of no more use at any gateway. Its audit can be read ' +
          'for a year. The rooms file does not bring it back; a room made anew under its name begins another run, ' +
          'so old tickets and entries mean nothing in it. Takes the role admin.',
        params: RoomParams,
        querystring: ReasonQuery,
        response: {
          204: Type.Null({ description: 'Deleted' }),
          ...problems('bad-request', 'token-required', 'role-required', 'unknown-room', 'unavailable'),
        },
      },
    },
    async (request, reply) => {
      const { author, reason } = changeOf(request);
      await rooms.delete(roomOf(rooms, request), author, reason).catch((error: unknown) => {
        if (error instanceof AppError) throw error;
        throw new AppError('unavailable', { cause: error, retryAfterSeconds: 2 });
      });
      return reply.code(204).send();
    },
  );
}

/** Sends the room with its version as ETag. */
export async function answer(reply: FastifyReply, room: LiveRoom): Promise<FastifyReply> {
  const view = await viewOf(room);
  return reply.header('etag', `"${view.version}"`).send(view);
}

function newRoom(body: unknown) {
  const { room: name, rules = {}, ...rest } = (body ?? {}) as Record<string, unknown>;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new AppError('bad-request', { detail: `body has no member ${unknown}` });
  if (typeof name !== 'string' || !new RegExp(roomNamePattern).test(name)) {
    throw new AppError('bad-request', { detail: 'room must be 1 to 40 of a-z, 0-9 and -' });
  }
  return { name, rules: mergedRules(defaultRules, rules) };
}

async function make(rooms: Rooms, ...args: Parameters<Rooms['create']>): Promise<LiveRoom> {
  const outcome = await rooms.create(...args).catch((cause: unknown) => {
    throw new AppError('unavailable', { cause, retryAfterSeconds: 2 });
  });
  if (outcome === 'existed') throw new AppError('room-exists');
  const room = rooms.get(args[0]);
  if (room === undefined) throw new AppError('unavailable', { retryAfterSeconds: 2 });
  return room;
}

/** 0 without `If-Match`. */
function expectedVersion(request: FastifyRequest): number {
  const header = request.headers['if-match'];
  if (header === undefined || header === '*') return 0;
  const version = /^(?:W\/)?"([1-9]\d{0,14})"$|^([1-9]\d{0,14})$/.exec(header);
  if (version === null) throw new AppError('bad-request', { detail: 'If-Match must be "<version>"' });
  return Number(version[1] ?? version[2]);
}

/** As the schema would, which this route only describes. */
function checkedChange(request: FastifyRequest) {
  const change = changeOf(request);
  if (typeof change.reason !== 'string' || change.reason.length > 500) {
    throw new AppError('bad-request', { detail: 'reason must be one text of at most 500 characters' });
  }
  return change;
}
