import { AppError } from '@ropeline/core/errors.ts';
import { CursorStale, EpochLost } from './engine.ts';
import type { LiveRoom } from './live-room.ts';

/** Redis may be lost again while it comes back, and a recovery under way may be of the loss before. */
const mostMended = 6;

/** Runs a call of the engine; what was refused for a lost epoch or changed lanes is mended and asked again. */
export async function ask<T>(room: LiveRoom, call: () => Promise<T>): Promise<T> {
  for (let mended = 0; ; mended += 1) {
    if (room.link === 'away') throw away();
    try {
      return await call();
    } catch (error) {
      if (mended === mostMended) fail(error);
      await mend(room, error);
    }
    if (room.isDeleted) throw new AppError('unknown-room');
  }
}

async function mend(room: LiveRoom, error: unknown): Promise<void> {
  if (error instanceof CursorStale) await room.refresh().catch(unlessLost);
  else if (error instanceof EpochLost) await room.recover(error.epochId).catch(unlessLost);
  else {
    // A sleeping room learns by its tick that Redis is away.
    room.wake();
    fail(error);
  }
}

/** Lost once more meanwhile: whoever asks again is told. */
function unlessLost(cause: unknown): void {
  if (!(cause instanceof EpochLost)) fail(cause);
}

/** What a script itself refuses to run is our mistake and no outage. */
function fail(cause: unknown): never {
  if (cause instanceof Error && cause.name === 'ReplyError' && cause.message.startsWith('ERR')) throw cause;
  throw away(cause);
}

/** Redis cannot be asked now. */
export function away(cause?: unknown): AppError {
  return new AppError('unavailable', {
    detail: 'The queue cannot be reached right now',
    retryAfterSeconds: 2,
    cause,
  });
}
