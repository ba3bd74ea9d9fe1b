import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { ask } from '../queue/ask.ts';
import type { CodeBook } from '../queue/codes/code-book.ts';
import { newCode, plainCode } from '../queue/codes/codes.ts';
import type { Rooms } from '../queue/rooms.ts';
import type { Auth } from './auth.ts';
import { changeOf, ReasonQuery, RoomParams, roomOf } from './requests.ts';

const mostCodes = 5_000;
const fewestCharacters = 4;

const Code = Type.String({ minLength: fewestCharacters, maxLength: 100 });
const Codes = Type.Array(Code, { minItems: 1, maxItems: mostCodes });
const Uses = Type.Integer({
  minimum: 0,
  maximum: 1_000_000_000,
  description: 'How often each code can be used; 0 = no bound. Default 1',
});
const ExpiresAt = Type.Union([Type.Integer({ minimum: 1, maximum: 4_102_444_800_000 }), Type.Null()], {
  description: 'Unix ms; null = no end',
});
const Label = Type.String({ maxLength: 100 });

const NewCodes = Type.Object(
  {
    lane: Type.Optional(Type.String({ description: 'What the codes grant; default the first lane' })),
    count: Type.Optional(
      Type.Integer({ minimum: 1, maximum: mostCodes, description: 'How many to make up; or `codes`' }),
    ),
    codes: Type.Optional(Codes),
    uses: Type.Optional(Uses),
    expiresAt: Type.Optional(ExpiresAt),
    label: Type.Optional(Label),
  },
  {
    additionalProperties: false,
    examples: [{ lane: 'priority', count: 500, uses: 1, label: 'Members of the fan club' }],
  },
);

const MadeCodes = Type.Object({
  batch: Type.String(),
  lane: Type.String(),
  uses: Uses,
  expiresAt: ExpiresAt,
  label: Label,
  codes: Type.Array(Type.String(), { description: 'Shown this once: only their hashes are kept' }),
});

const Batch = Type.Object({
  batch: Type.String(),
  lane: Type.String(),
  label: Label,
  uses: Uses,
  expiresAt: ExpiresAt,
  codes: Type.Integer({ description: 'How many were made' }),
  used: Type.Integer({ description: 'Places taken with them' }),
  withdrawn: Type.Integer({ description: 'Codes taken back one by one' }),
  createdAt: Type.Integer(),
});

const BatchParams = Type.Object({ room: Type.String(), batch: Type.String({ pattern: '^[0-9a-f]{12}$' }) });
const Withdrawal = Type.Object({ codes: Codes }, { additionalProperties: false });

type Parts = { readonly rooms: Rooms; readonly codeBook: CodeBook; readonly auth: Auth };

const refusals = ['bad-request', 'token-required', 'role-required', 'unknown-room', 'unavailable'] as const;

/** Priority and invite codes: `join {code}` grants their lane. */
export function codeRoutes(app: FastifyInstance, { rooms, codeBook, auth }: Parts): void {
  app.post<{ Body: Static<typeof NewCodes> }>(
    '/api/rooms/:room/codes',
    {
      onRequest: auth.needs('operator'),
      schema: {
        tags: ['codes'],
        summary: 'Make priority or invite codes',
        description:
          'Who joins with a code gets a place in its lane, also in a room that takes only who is invited ' +
          '(`queue.inviteOnly`). A code that is wrong, used or expired gets 403 `lane-not-allowed`. Capitals, ' +
          'spaces and hyphens make no difference. Only hashes are kept: the codes are in this answer and nowhere ' +
          'else. 409 `conflict` when one of `codes` is there already, or there are too many batches.',
        params: RoomParams,
        querystring: ReasonQuery,
        body: NewCodes,
        response: { 201: MadeCodes, ...problems(...refusals, 'conflict') },
      },
    },
    async (request, reply) => {
      const room = roomOf(rooms, request);
      const { lane = room.cursor.lanes[0] ?? '', uses = 1, expiresAt = null, label = '' } = request.body;
      if (!room.cursor.lanes.includes(lane)) {
        throw new AppError('bad-request', { detail: 'The room has no such lane' });
      }
      const codes = wantedCodes(request.body);
      const grant = { lane, uses, expiresAt: expiresAt ?? 0, label };
      const made = await ask(room, () => codeBook.make(room.cursor, codes, grant, changeOf(request)));
      if ('tooMany' in made) {
        throw new AppError('conflict', { detail: 'Too many batches: withdraw some that are over' });
      }
      if ('taken' in made) {
        throw new AppError('conflict', { detail: `codes.${made.taken} is a code of this room already` });
      }
      return reply.code(201).send({ batch: made.batch, lane, uses, expiresAt, label, codes });
    },
  );

  app.get(
    '/api/rooms/:room/codes',
    {
      onRequest: auth.needs('viewer'),
      schema: {
        tags: ['codes'],
        summary: 'Batches of codes, newest first',
        params: RoomParams,
        response: { 200: Type.Object({ batches: Type.Array(Batch) }), ...problems(...refusals) },
      },
    },
    async (request) => {
      const room = roomOf(rooms, request);
      const batches = await ask(room, () => codeBook.list(room.cursor));
      return {
        batches: batches.map((batch) => ({ ...batch, expiresAt: batch.expiresAt || null })),
      };
    },
  );

  app.delete<{ Params: Static<typeof BatchParams> }>(
    '/api/rooms/:room/codes/:batch',
    {
      onRequest: auth.needs('operator'),
      schema: {
        tags: ['codes'],
        summary: 'Withdraw a batch of codes',
        description: 'Its codes grant nothing any more; places taken with them stay.',
        params: BatchParams,
        querystring: ReasonQuery,
        response: { 204: Type.Null({ description: 'Withdrawn' }), ...problems(...refusals, 'not-found') },
      },
    },
    async (request, reply) => {
      const room = roomOf(rooms, request);
      const { batch } = request.params;
      const found = await ask(room, () => codeBook.withdrawBatch(room.cursor, batch, changeOf(request)));
      if (!found) throw new AppError('not-found');
      return reply.code(204).send();
    },
  );

  app.post<{ Body: Static<typeof Withdrawal> }>(
    '/api/rooms/:room/codes/withdraw',
    {
      onRequest: auth.needs('operator'),
      schema: {
        tags: ['codes'],
        summary: 'Withdraw single codes',
        description: 'Those that are not known are passed over; places taken with them stay.',
        params: RoomParams,
        querystring: ReasonQuery,
        body: Withdrawal,
        response: { 200: Type.Object({ withdrawn: Type.Integer() }), ...problems(...refusals) },
      },
    },
    async (request) => {
      const room = roomOf(rooms, request);
      const { codes } = request.body;
      const withdrawn = await ask(room, () => codeBook.withdraw(room.cursor, codes, changeOf(request)));
      return { withdrawn };
    },
  );
}

/** Those of the request, or as many new ones as it asks for. Throws `bad-request`. */
function wantedCodes({ count, codes }: Static<typeof NewCodes>): readonly string[] {
  if ((count === undefined) === (codes === undefined)) {
    throw new AppError('bad-request', { detail: 'Either count or codes' });
  }
  if (codes === undefined) return Array.from({ length: count ?? 0 }, newCode);
  const plain = codes.map(plainCode);
  const short = plain.findIndex((code) => code.length < fewestCharacters);
  if (short >= 0) {
    throw new AppError('bad-request', {
      detail: `codes.${short} has fewer than ${fewestCharacters} letters`,
    });
  }
  if (new Set(plain).size < plain.length) {
    throw new AppError('bad-request', { detail: 'codes has one code twice' });
  }
  return codes;
}
