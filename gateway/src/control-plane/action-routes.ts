import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { LiveRoom } from '../queue/live-room.ts';
import type { Flags } from '../queue/room-state.ts';
import type { Rooms } from '../queue/rooms.ts';
import type { Auth } from './auth.ts';
import { type Change, changeFlags, resetRoom } from './change-room.ts';
import { changeOf, ReasonQuery, RoomParams, roomOf } from './requests.ts';
import { answer } from './room-routes.ts';
import { RoomView } from './room-view.ts';

const ReasonBody = Type.Union([
  Type.Object(
    { reason: Type.Optional(Type.String({ maxLength: 500, description: 'Why, for the audit' })) },
    { additionalProperties: false },
  ),
  Type.Null(),
]);

type Action = {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly act: (room: LiveRoom, change: Change) => Promise<void>;
};

const flags =
  (name: string, wanted: Partial<Flags>): Action['act'] =>
  (room, change) =>
    changeFlags(room, name, wanted, change);

const actions: readonly Action[] = [
  {
    name: 'pause',
    summary: 'Admit nobody',
    description:
      'Sets the flag `paused`. Joins go on, everybody keeps the place, turns given can be claimed.',
    act: flags('pause', { paused: true }),
  },
  {
    name: 'resume',
    summary: 'Admit again',
    description: 'Clears the flag `paused`. The bucket holds little, so there is no rush.',
    act: flags('resume', { paused: false }),
  },
  {
    name: 'drain',
    summary: 'Take no new joins, serve who waits',
    description: 'Sets the flag `drained`: new joins get 409 `room-closed`, the queue is served to its end.',
    act: flags('drain', { drained: true }),
  },
  {
    name: 'close',
    summary: 'End the queue',
    description:
      'Sets the flag `closed`: new joins get 409 `room-closed`, who waits is told so and the place is over for ' +
      'good. Turns given can be claimed, sessions go on.',
    act: flags('close', { closed: true }),
  },
  {
    name: 'open',
    summary: 'Open again',
    description:
      'Clears the flags `closed`, `drained` and `paused`. Places that a close has ended stay over; what the stock ' +
      'signals say stays too.',
    act: flags('open', { closed: false, drained: false, paused: false }),
  },
  {
    name: 'reset',
    summary: 'Begin a new run',
    description:
      'Queue, turns, sessions, numbers and all flags are gone, rules stay. Tickets of before mean nothing: their ' +
      'visitors join anew.',
    act: resetRoom,
  },
];

type Parts = { readonly rooms: Rooms; readonly auth: Auth };

export function actionRoutes(app: FastifyInstance, { rooms, auth }: Parts): void {
  for (const { name, summary, description, act } of actions) {
    app.post<{ Body: Static<typeof ReasonBody> | undefined }>(
      `/api/rooms/:room/${name}`,
      {
        onRequest: auth.needs('operator'),
        schema: {
          tags: ['actions'],
          summary,
          description: `${description} The body is optional.`,
          params: RoomParams,
          querystring: ReasonQuery,
          body: ReasonBody,
          response: {
            200: RoomView,
            ...problems('bad-request', 'token-required', 'role-required', 'unknown-room', 'unavailable'),
          },
        },
      },
      async (request, reply) => {
        const room = roomOf(rooms, request);
        await act(room, changeOf(request, request.body?.reason));
        return answer(reply, room);
      },
    );
  }
}
