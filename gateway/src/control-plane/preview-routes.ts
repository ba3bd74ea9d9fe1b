import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { LiveRoom } from '../queue/live-room.ts';
import type { Rooms } from '../queue/rooms.ts';
import type { Auth } from './auth.ts';
import { mergedRules } from './change-room.ts';
import { Outlook, outlookOf, type Situation } from './preview.ts';
import { RoomParams, roomOf } from './requests.ts';
import { readStats } from './room-numbers.ts';

const Count = (maximum: number) => Type.Integer({ minimum: 0, maximum });

const PreviewBody = Type.Object(
  {
    admission: Type.Optional(
      Type.Object(
        {
          ratePerMinute: Type.Optional(Count(1_000_000)),
          burst: Type.Optional(Count(100_000)),
          capacity: Type.Optional(Count(10_000_000)),
        },
        { additionalProperties: false, description: 'What would be patched; the rest stays as it is' },
      ),
    ),
    staySeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 86_400,
        description:
          'How long an entry is used; left out: as measured, and until something is measured the whole session',
      }),
    ),
    unitsPerEntry: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000,
        description: 'Units that an entry takes of the stock; default 1',
      }),
    ),
    lane: Type.Optional(Type.String({ description: 'Lane of the positions; default the first' })),
    positions: Type.Optional(Type.Array(Type.Integer({ minimum: 1 }), { maxItems: 20 })),
  },
  {
    additionalProperties: false,
    examples: [{ admission: { ratePerMinute: 1_200, capacity: 2_000 }, staySeconds: 300 }],
  },
);

const example = (ratePerMinute: number, perMinute: number, reached: number | null, last: number) => ({
  ratePerMinute,
  capacity: 2_000,
  limit: reached === null ? 'rate' : 'capacity',
  admissionsPerMinute: perMinute,
  capacityReachedInSeconds: reached,
  lastInSeconds: { p50: last, p90: Math.round(last * (reached === null ? 1.2 : 1.4)) },
  waits: [],
  lanes: [],
  stock: null,
});

const Preview = Type.Object(
  {
    room: Type.String(),
    at: Type.Integer({ description: 'Redis time, Unix ms' }),
    waiting: Type.Integer(),
    inside: Type.Integer({ description: 'Admitted + active' }),
    staySeconds: Type.Number({ description: 'What was reckoned with' }),
    now: Outlook,
    preview: Outlook,
  },
  {
    examples: [
      {
        room: 'demo',
        at: 1_790_000_000_000,
        waiting: 6_000,
        inside: 0,
        staySeconds: 300,
        now: example(300, 300, null, 1_200),
        preview: example(1_200, 400, 150, 600),
      },
    ],
  },
);

const usualPositions = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

type Parts = { readonly rooms: Rooms; readonly auth: Auth };

export function previewRoutes(app: FastifyInstance, { rooms, auth }: Parts): void {
  app.post<{ Body: Static<typeof PreviewBody> | null | undefined }>(
    '/api/rooms/:room/preview',
    {
      onRequest: auth.needs('viewer'),
      schema: {
        tags: ['numbers'],
        summary: 'What would this rate mean',
        description:
          'Changes nothing. For the line as it stands: when its last visitor would be in, what visitors at several ' +
          'positions would be told, whether the rate or the capacity bounds admissions, and when the stock runs out ' +
          'if the upstream reports it; `now` by the rules as they are, `preview` by the rules asked for. Flags, the ' +
          'schedule and new arrivals are not reckoned with.',
        params: RoomParams,
        body: Type.Union([PreviewBody, Type.Null()]),
        response: {
          200: Preview,
          ...problems('bad-request', 'token-required', 'role-required', 'unknown-room', 'unavailable'),
        },
      },
    },
    async (request) => {
      const room = roomOf(rooms, request);
      const { admission = {}, staySeconds, unitsPerEntry = 1, positions, lane } = request.body ?? {};
      const index = lane === undefined ? 0 : room.cursor.lanes.indexOf(lane);
      if (index < 0) throw new AppError('bad-request', { detail: 'The room has no such lane' });
      const wanted = mergedRules(room.rules, { admission });
      const { situation, at } = await situationOf(room, staySeconds);
      const question = { lane: index, positions: positions ?? usualPositions, unitsPerEntry };
      return {
        room: room.name,
        at,
        waiting: situation.lanes.reduce((sum, { waiting }) => sum + waiting, 0),
        inside: situation.inside,
        staySeconds: Math.round(situation.staySeconds * 10) / 10,
        now: outlookOf(situation, room.rules, question),
        preview: outlookOf(situation, wanted, question),
      };
    },
  );
}

async function situationOf(
  room: LiveRoom,
  staySeconds: number | undefined,
): Promise<{ readonly situation: Situation; readonly at: number }> {
  const { lanes, admitted, active, stock, at } = await readStats(room);
  const { outflow, rules } = room;
  return {
    at,
    situation: {
      lanes,
      inside: admitted + active,
      freeUnits: stock === null ? null : Math.max(0, stock.capacity - stock.held - stock.sold),
      lapseShare: outflow.lapseShare(at),
      repeatedShare: outflow.repeatedShare(at),
      leavingPerSecond: outflow.leavingPerSecond(at),
      staySeconds: staySeconds ?? outflow.staySeconds(rules.session.ttlSeconds),
    },
  };
}
