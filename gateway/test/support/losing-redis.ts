import { PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp, uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import type { LiveRoom } from '../../src/queue/live-room.ts';
import { type Visitor, type Watcher, watch } from '../../src/queue/visitors/roster.ts';
import { type Joined, Visits } from '../../src/queue/visitors/visits.ts';
import { createRoom, type OpenRooms, openRooms } from './open-rooms.ts';
import { testSecret } from './start-gateway.ts';

export type Queue = {
  readonly open: OpenRooms;
  readonly room: LiveRoom;
  readonly visits: Visits;
};

/** Nobody is given a turn but by the test, and nothing lapses while it takes its time. */
export const patientRules = {
  admission: { ratePerMinute: 60_000, capacity: 0 },
  queue: { alwaysOn: true },
  claim: { windowSeconds: 600 },
  presence: { graceSeconds: 600, leaseSeconds: 600 },
};

/** A Redis of the test's own that may be lost, killed or replaced. */
export async function ownRedis(options: Parameters<typeof startRedis>[0] = {}) {
  return cleanedUp(await startRedis(options), (redis) => redis.kill());
}

/** The queue of one gateway, serving a room that it makes unless it exists. */
export async function openQueue(url: string, rules: unknown = {}, name = uniqueRoom()): Promise<Queue> {
  const open = await openRooms(url);
  const room = await createRoom(open, name, rules);
  return { open, room, visits: new Visits(new PlaceTickets([testSecret])) };
}

/** Two gateways with one room, which the first of them made. */
export async function openTwo(url: string, rules: unknown, name?: string): Promise<[Queue, Queue]> {
  const one = await openQueue(url, rules, name);
  return [one, await openQueue(url, {}, one.room.name)];
}

export async function join({ room, visits }: Queue, ticket?: string): Promise<Joined> {
  const joined = await visits.join(room, 0, ticket);
  if (joined.refused !== undefined) throw new Error(`refused: ${joined.refused}`);
  return joined;
}

/** Joins, and holds the place as with an open socket. */
export async function joinAndHold(queue: Queue): Promise<Joined> {
  const joined = await join(queue);
  hold(queue, joined.visitor);
  return joined;
}

/** By turns at each of the gateways, one after the other. */
export async function joinByTurns(queues: readonly [Queue, Queue], count: number): Promise<Joined[]> {
  const joined: Joined[] = [];
  for (let i = 0; i < count; i += 1) joined.push(await joinAndHold(queues[i % 2] as Queue));
  return joined;
}

export function hold({ room }: Queue, visitor: Visitor): void {
  const watcher: Watcher = {
    changed: () => undefined,
    tick: () => undefined,
    roomChanged: () => undefined,
    seatedAgain: () => undefined,
    sendAway: () => undefined,
  };
  watch(visitor, watcher);
  void room.visitors.hold(visitor);
}

export async function setRules({ open, room }: Queue, fields: Record<string, string>): Promise<void> {
  const change = { author: 'test', action: 'patch', reason: '', expectedVersion: 0 };
  await open.engine.change(room.cursor, { ...change, fields: Object.entries(fields) });
}

/** Gives so many turns more and no others: the room's rate must be high. */
export async function admit(queue: Queue, turns: number): Promise<void> {
  const { open, room } = queue;
  const read = () => open.engine.read(room.name, room.cursor.lanes);
  const before = await read();
  const capacity = before.admitted + before.active + turns;
  const given = Number(before.pacer.get('turn') ?? 0) + turns;
  await setRules(queue, { 'admission.capacity': String(capacity) });
  room.wake();
  await until(async () => Number((await read()).pacer.get('turn')) >= given);
}

/** As after a lease that ran out and a call that nobody answered. */
export async function strike({ open, room }: Queue, visitors: readonly string[]): Promise<void> {
  const { keys } = room.cursor;
  await open.redis.zadd(keys.presence, ...visitors.flatMap((visitor) => ['1', visitor]));
  room.wake();
  await until(async () => (await open.redis.zcard(keys.away('standard'))) >= visitors.length);
}

/** Ids of who waits in the first lane, in order, as Redis has them. */
export function line({ open, room }: Queue): Promise<string[]> {
  return open.redis.zrange(room.cursor.keys.queue('standard'), '0', '-1');
}

/** Until every gateway has gone over to another epoch than `lost`, and has put back all it owed. */
export async function recovered(queues: readonly Queue[], lost: string): Promise<void> {
  await until(() => queues.every(({ room }) => room.cursor.epochId !== lost && !room.recovery.owes));
}

/** Until the settling time is over. */
export async function settled({ room }: Queue): Promise<void> {
  await until(() => room.recoversAt === undefined);
}
