import type { Broadcast } from '../../src/queue/broadcast.ts';
import type { RoomCursor } from '../../src/queue/room-cursor.ts';
import { History } from './history.ts';
import type { OpenRooms } from './open-rooms.ts';

/**
 * Who was admitted to a room and when: what lies in Redis, so that no admission is missed, with the time that was
 * `heard`, for a recovery gives turns a new claim window (of `windowMs`). For rooms whose turns have neither been
 * claimed nor lapsed.
 */
export async function admissionsOf(
  { redis }: OpenRooms,
  { keys }: RoomCursor,
  heard: readonly Broadcast[],
  windowMs: number,
): Promise<History> {
  const history = new History({ standard: 1 });
  const times = new Map<string, number>();
  for (const { events, now } of heard) {
    for (const event of events) {
      if (event.type === 'admitted' && !times.has(event.visitor)) times.set(event.visitor, now);
    }
  }
  const turns = await redis.hgetall(keys.turns);
  const flat = await redis.zrange(keys.admitted, 0, '-1', 'WITHSCORES');
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [visitor = '', claimBy] = [flat[i], Number(flat[i + 1])];
    // turn:lapses:lane:score
    const [turn, , , score] = (turns[visitor] ?? '').split(':').map(Number);
    if (turn === undefined || score === undefined) throw new Error(`${visitor} has no turn`);
    history.waits(0, 0, visitor, 'standard', score);
    history.add(turn, 0, { type: 'admitted', at: times.get(visitor) ?? claimBy - windowMs, visitor, turn });
  }
  return history;
}
