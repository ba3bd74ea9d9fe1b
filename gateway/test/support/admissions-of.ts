import type { RoomCursor } from '../../src/queue/room-cursor.ts';
import { History } from './history.ts';
import type { OpenRooms } from './open-rooms.ts';

/**
 * Who was admitted to a room and when, by what lies in Redis alone: for rooms whose turns have neither been claimed
 * nor lapsed, so that it survives whatever the broadcast does not. `windowMs` is the claim window.
 */
export async function admissionsOf({ redis }: OpenRooms, { keys }: RoomCursor, windowMs: number) {
  const history = new History({ standard: 1 });
  const turns = await redis.hgetall(keys.turns);
  const flat = await redis.zrange(keys.admitted, 0, '-1', 'WITHSCORES');
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [visitor = '', claimBy] = [flat[i], Number(flat[i + 1])];
    // turn:lapses:lane:score
    const [turn, , , score] = (turns[visitor] ?? '').split(':').map(Number);
    if (turn === undefined || score === undefined) throw new Error(`${visitor} has no turn`);
    history.waits(0, 0, visitor, 'standard', score);
    history.add(turn, 0, { type: 'admitted', at: claimBy - windowMs, visitor, turn });
  }
  return history;
}
