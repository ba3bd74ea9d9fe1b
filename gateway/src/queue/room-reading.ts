import type { QueueEngine } from './engine.ts';
import type { RoomReading } from './scripts.ts';

export type ReadRoom =
  | { readonly is: 'there'; readonly reading: RoomReading }
  | { readonly is: 'deleted' }
  | { readonly is: 'missing' };

/** Reads a room with all its lanes; with one call when they are the ones that `guess` names. */
export async function readRoom(
  engine: QueueEngine,
  name: string,
  guess: readonly string[],
): Promise<ReadRoom> {
  const first = await engine.read(name, guess);
  if (first.pacer.has('deletedAt')) return { is: 'deleted' };
  if (first.pacer.get('epochId') === undefined || first.config.size === 0) return { is: 'missing' };
  const lanes = (first.config.get('lanes') ?? '').split(',').map((part) => part.split(':')[0] ?? '');
  if (lanes.join() === guess.join()) return { is: 'there', reading: first };
  return { is: 'there', reading: await engine.read(name, lanes) };
}
