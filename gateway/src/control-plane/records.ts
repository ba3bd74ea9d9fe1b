import type { RedisClient } from '@ropeline/core/redis/connect.ts';
import type { RoomKeys } from '@ropeline/core/redis/room-keys.ts';
import { type Static, Type } from 'typebox';
import type { LiveRoom } from '../queue/live-room.ts';
import type { Change } from './change-room.ts';
import { Totals, totalsOf } from './room-numbers.ts';

/** As lua/include/audit.lua keeps it. */
const auditLength = 10_000;

export const AuditEntry = Type.Object({
  id: Type.String(),
  at: Type.Integer({ description: 'Redis time, Unix ms' }),
  version: Type.Integer({ description: 'Of the room, after the change' }),
  author: Type.String({
    description: "The token's name; `gateway` after a loss, `rooms-file` at the first start",
  }),
  action: Type.String({ description: '`create`, `patch`, `pause`, ..., `signal`, `revoke`' }),
  reason: Type.String(),
  changes: Type.Record(Type.String(), Type.String(), {
    description: 'Fields with their new values as Redis keeps them (true = 1); empty = back to the default',
  }),
});

export const HistorySample = Type.Object({
  id: Type.String(),
  at: Type.Integer({ description: 'Redis time, Unix ms' }),
  waiting: Type.Integer(),
  admitted: Type.Integer({ description: 'Turns given and not yet claimed' }),
  active: Type.Integer(),
  totals: Totals,
});

export type Page = { readonly limit: number; readonly before: string | undefined };

/** Newest first. */
export async function readAudit(
  redis: RedisClient,
  keys: RoomKeys,
  page: Page,
): Promise<Static<typeof AuditEntry>[]> {
  return (await readStream(redis, keys.audit, page)).map(([id, fields]) => {
    const { at, version, author = '', action = '', reason = '', ...changes } = Object.fromEntries(fields);
    return { id, at: Number(at), version: Number(version), author, action, reason, changes };
  });
}

/** One sample a second while the room is awake, newest first. */
export async function readHistory(
  redis: RedisClient,
  keys: RoomKeys,
  page: Page,
): Promise<Static<typeof HistorySample>[]> {
  return (await readStream(redis, keys.history, page)).map(([id, fields]) => ({
    id,
    at: Number(fields.get('at')),
    waiting: Number(fields.get('waiting')),
    admitted: Number(fields.get('turnsOpen')),
    active: Number(fields.get('active')),
    totals: totalsOf(fields),
  }));
}

/** A revocation changes no rule, so it is an entry of its own; the script that revoked has checked the epoch. */
export async function recordRevocation(
  redis: RedisClient,
  room: LiveRoom,
  visitor: string,
  { author, reason }: Change,
): Promise<void> {
  const at = Math.round(room.cursor.now());
  const head = ['at', at, 'version', room.version, 'author', author, 'action', 'revoke', 'reason', reason];
  await redis.xadd(room.cursor.keys.audit, 'MAXLEN', '~', auditLength, '*', ...head, 'visitor', visitor);
}

async function readStream(
  redis: RedisClient,
  key: string,
  { limit, before }: Page,
): Promise<[string, Map<string, string>][]> {
  const from = before === undefined ? '+' : `(${before}`;
  const entries = await redis.xrevrange(key, from, '-', 'COUNT', limit);
  return entries.map(([id, flat]) => {
    const fields = new Map<string, string>();
    for (let i = 0; i + 1 < flat.length; i += 2) fields.set(flat[i] as string, flat[i + 1] as string);
    return [id, fields];
  });
}
