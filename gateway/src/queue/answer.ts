const [lost, stale] = [0, 2];

/** What every script of a room answers: that it refused to act, or the room's sequence and Redis time, and its own. */
export type Answered<T> = ({ readonly sequence: number; readonly now: number } & T) | 'lost' | 'stale';

/** `decode` reads what stands behind code, sequence and Redis time (Unix ms). */
export function answered<T>(raw: unknown, decode: (rest: readonly unknown[]) => T): Answered<T> {
  const [code, sequence, now, ...rest] = raw as readonly unknown[];
  if (code === lost) return 'lost';
  if (code === stale) return 'stale';
  return { sequence: sequence as number, now: now as number, ...decode(rest) };
}
