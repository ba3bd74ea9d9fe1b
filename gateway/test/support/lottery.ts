import { createHash, createHmac } from 'node:crypto';
import type { PublicRoom, Status } from '@ropeline/core/protocol/status.ts';
import { until } from '../../../testing/until.ts';
import type { QueueEngine } from '../../src/queue/engine.ts';
import type { RoomCursor } from '../../src/queue/room-cursor.ts';
import type { TestGateway } from './start-gateway.ts';

/** A lottery whose pre-queue is open, and which opens when it is told to; nobody is struck for absence before. */
export function lotteryRules(more: Record<string, unknown> = {}): unknown {
  const now = Date.now();
  const { queue, ...others } = more as { queue?: object };
  return {
    queue: { method: 'lottery', alwaysOn: true, ...queue },
    schedule: { prequeueAt: now - 1_000, opensAt: now + 3_600_000 },
    presence: { graceSeconds: 600, leaseSeconds: 600 },
    ...others,
  };
}

/** Opens the lottery `inMs` from now, but later than its seed was made: else it would be an opening of before the run. */
export async function openLottery(engine: QueueEngine, cursor: RoomCursor, inMs = 0): Promise<number> {
  const { pacer, now } = await engine.read(cursor.room, cursor.lanes);
  const opensAt = Math.max(now + inMs, Number(pacer.get('draw.sealedAt')) + 1);
  const fields = [['schedule.opensAt', String(opensAt)]] as const;
  await engine.change(cursor, { author: 'test', action: 'patch', reason: '', expectedVersion: 0, fields });
  return opensAt;
}

export async function openNow({ room }: Pick<TestGateway, 'room'>): Promise<void> {
  await openLottery(room.engine, room.cursor);
  room.wake();
}

const base = (gateway: TestGateway): string => `${gateway.origin}/_ropeline/rooms/${gateway.room.name}`;

export type Answer = {
  readonly code: number;
  readonly status: Status & { readonly code?: string; opensAt?: number };
};

/** Joins by HTTP; with a ticket as who comes back. */
export async function join(gateway: TestGateway, ticket?: string): Promise<Answer> {
  const headers = ticket === undefined ? {} : { authorization: `Bearer ${ticket}` };
  const answer = await fetch(`${base(gateway)}/join`, { method: 'POST', headers });
  return { code: answer.status, status: (await answer.json()) as Answer['status'] };
}

export async function statusOf(gateway: TestGateway, ticket: string): Promise<Answer> {
  const answer = await fetch(`${base(gateway)}/status`, { headers: { authorization: `Bearer ${ticket}` } });
  return { code: answer.status, status: (await answer.json()) as Answer['status'] };
}

export async function leave(gateway: TestGateway, ticket: string): Promise<number> {
  const headers = { authorization: `Bearer ${ticket}` };
  return (await fetch(`${base(gateway)}/place`, { method: 'DELETE', headers })).status;
}

export async function publicState(gateway: TestGateway): Promise<PublicRoom> {
  return (await (await fetch(base(gateway))).json()) as PublicRoom;
}

/** As soon as the draw is made: its public part, the seed among it. */
export function drawMade(gateway: TestGateway) {
  return until(async () => {
    const { draw, state } = await publicState(gateway);
    return state === 'open' && draw?.seed !== undefined && { ...draw, seed: draw.seed };
  });
}

/** The places as the rules of the draw say, worked out here and not with the gateway's code. */
export function placesBySeed(seed: string, visitors: readonly string[], beacon?: string): string[] {
  const bytes = Buffer.from(seed, 'hex');
  const key = beacon === undefined ? bytes : createHash('sha256').update(bytes).update(beacon).digest();
  const scoreOf = (visitor: string): bigint =>
    BigInt(`0x${createHmac('sha256', key).update(visitor).digest('hex').slice(0, 13)}`);
  const scored = visitors.map((visitor) => ({ visitor, score: scoreOf(visitor) }));
  return scored
    .sort((a, b) => (a.score === b.score ? (a.visitor < b.visitor ? -1 : 1) : a.score < b.score ? -1 : 1))
    .map(({ visitor }) => visitor);
}

/** SHA-256 over the sorted lines `lane:visitor`. */
export function hashOfList(members: readonly string[]): string {
  const lines = [...members].sort().map((member) => `${member}\n`);
  return createHash('sha256').update(lines.join('')).digest('hex');
}

export const sha256OfHex = (hex: string): string =>
  createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex');
