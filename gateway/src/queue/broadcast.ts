import { RankSketch } from './sketch.ts';

/** One event of a room's broadcast; times in Unix ms of Redis. */
export type RoomEvent =
  | { readonly type: 'admitted'; readonly visitor: string; readonly turn: number; readonly claimBy: number }
  | { readonly type: 'active'; readonly visitor: string; readonly turn: number; readonly deadline: number }
  | {
      readonly type: 'ended';
      readonly visitor: string;
      readonly turn: number;
      readonly reason: string;
      /** When it would have ended by itself; absent when it did. No token of it lives longer. */
      readonly deadline?: number;
    }
  | { readonly type: 'lapsed'; readonly visitor: string; readonly turn: number }
  | { readonly type: 'waits-again'; readonly visitor: string; readonly score: number; readonly turn: number }
  | { readonly type: 'called'; readonly visitor: string }
  | { readonly type: 'abandoned'; readonly visitor: string }
  | { readonly type: 'out'; readonly visitor: string; readonly turn: number; readonly reason: string }
  | { readonly type: 'queue-ended'; readonly reason: 'sold-out' | 'closed'; readonly score: number }
  | { readonly type: 'sketch'; readonly lane: number; readonly sketch: RankSketch }
  | { readonly type: 'counts'; readonly admitted: number; readonly active: number }
  | { readonly type: 'roll-call' }
  | { readonly type: 'changed' }
  | { readonly type: 'reset' };

export type Broadcast = {
  readonly epochId: string;
  /** Writes made so far: what scripts are compared with. */
  readonly sequence: number;
  /** Number of this message, without gaps within an epoch. */
  readonly message: number;
  readonly now: number;
  /** Version of the room's config. */
  readonly version: number;
  readonly events: readonly RoomEvent[];
};

/** Decodes a message of a room's channel (lua/include/broadcast.lua). Lines of unknown kinds are passed over. */
export function parseBroadcast(text: string): Broadcast {
  const [head = '', ...lines] = text.split('\n');
  const [epochId = '', sequence, message, now, version] = head.split(' ');
  const events: RoomEvent[] = [];
  for (const line of lines) {
    const event = parseEvent(line.split(' '));
    if (event !== undefined) events.push(event);
  }
  return {
    epochId,
    sequence: Number(sequence),
    message: Number(message),
    now: Number(now),
    version: Number(version),
    events,
  };
}

function parseEvent(words: readonly string[]): RoomEvent | undefined {
  const [kind, first = '', second = '', third = '', fourth = '', fifth = ''] = words;
  switch (kind) {
    case 'a':
      return { type: 'admitted', visitor: first, turn: Number(second), claimBy: Number(third) };
    case 'c':
      return { type: 'active', visitor: first, turn: Number(second), deadline: Number(third) };
    case 'e':
      return {
        type: 'ended',
        visitor: first,
        turn: Number(second),
        reason: third,
        ...(fourth === '' ? {} : { deadline: Number(fourth) }),
      };
    case 'l':
      return { type: 'lapsed', visitor: first, turn: Number(second) };
    case 'w':
      return { type: 'waits-again', visitor: first, score: Number(second), turn: Number(third) };
    case 'k':
      return { type: 'called', visitor: first };
    case 'x':
      return { type: 'abandoned', visitor: first };
    case 'q':
      return { type: 'out', visitor: first, turn: Number(second), reason: third };
    case 'z':
      return {
        type: 'queue-ended',
        reason: first === 'closed' ? 'closed' : 'sold-out',
        score: Number(second),
      };
    case 's': {
      const sketch = RankSketch.parse(Number(second), Number(third), Number(fourth), fifth);
      return { type: 'sketch', lane: Number(first) - 1, sketch };
    }
    case 'n':
      return { type: 'counts', admitted: Number(first), active: Number(second) };
    case 'o':
      return { type: 'roll-call' };
    case 'v':
      return { type: 'changed' };
    case 'r':
      return { type: 'reset' };
    default:
      return undefined;
  }
}
