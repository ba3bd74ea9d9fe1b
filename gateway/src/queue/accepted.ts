import { CursorStale, EpochLost } from './engine.ts';
import type { RoomCursor } from './room-cursor.ts';

/** A script's answer, noted in the cursor; throws for one that refused to act. */
export function accepted<T extends { readonly sequence: number }>(
  cursor: RoomCursor,
  epochId: string,
  answer: T | 'lost' | 'stale',
): T {
  if (answer === 'lost') throw new EpochLost(epochId);
  if (answer === 'stale') throw new CursorStale(`room ${cursor.room}`);
  // A late answer of an epoch that was given up must not raise the sequence of the next.
  if (epochId === cursor.epochId) cursor.saw(answer.sequence);
  return answer;
}
