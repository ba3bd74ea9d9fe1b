import { RankSketch } from './numbers/sketch.ts';
import { parsePiece, type SketchPiece } from './numbers/sketch-draft.ts';
import type { UpTo } from './recovery/up-to.ts';

/** A place by its lane's name, for who must put it back after a loss; absent where the event does not tell it. */
type At = { readonly at?: { readonly lane: string; readonly score: number } };

/** One event of a room's broadcast; times in Unix ms of Redis. */
export type RoomEvent =
  | (At & {
      readonly type: 'admitted';
      readonly visitor: string;
      readonly turn: number;
      readonly claimBy: number;
      /** Turns of this place that lapsed before. */
      readonly lapses?: number;
    })
  | (At & {
      readonly type: 'active';
      readonly visitor: string;
      readonly turn: number;
      readonly deadline: number;
      /** Let in by a gateway while Redis was away: the last admitted score does not tell of it. */
      readonly outOfTurn?: boolean;
    })
  | {
      readonly type: 'ended';
      readonly visitor: string;
      readonly turn: number;
      readonly reason: string;
      /** When it would have ended by itself; absent when it did. No token of it lives longer. */
      readonly deadline?: number;
    }
  | (At & { readonly type: 'lapsed'; readonly visitor: string; readonly turn: number })
  | (At & {
      readonly type: 'waits-again';
      readonly visitor: string;
      readonly score: number;
      readonly turn: number;
      readonly lapses?: number;
    })
  | { readonly type: 'called'; readonly visitor: string }
  | (At & { readonly type: 'abandoned'; readonly visitor: string })
  /** Waits although the last admitted score has passed the place: given by a gateway while Redis was away. */
  | (At & { readonly type: 'passed-over'; readonly visitor: string })
  | (At & { readonly type: 'out'; readonly visitor: string; readonly turn: number; readonly reason: string })
  /** `drawn`: -1 = who is to be drawn, and joined before this; -2 = nobody of the drawn. */
  | { readonly type: 'queue-ended'; readonly reason: 'sold-out' | 'closed'; readonly upTo: UpTo }
  | { readonly type: 'sketch'; readonly lane: number; readonly sketch: RankSketch; readonly pieces: number }
  | { readonly type: 'piece'; readonly lane: number; readonly piece: SketchPiece }
  | { readonly type: 'counts'; readonly admitted: number; readonly active: number }
  | { readonly type: 'roll-call' }
  /** A gateway is still putting back what was lost: until then, Unix ms, nobody is admitted. */
  | { readonly type: 'settling'; readonly until: number }
  /** A gateway has put back what it remembered of a lost epoch. */
  | { readonly type: 'put-back' }
  | {
      readonly type: 'stock';
      readonly capacity: number;
      readonly held: number;
      readonly sold: number;
      readonly at: number;
    }
  /** The draw has moved on; `made` when it is done. */
  | {
      readonly type: 'draw';
      readonly made?: { readonly doneAt: number; readonly seed: string; readonly beacon: string | undefined };
    }
  | { readonly type: 'changed' }
  | { readonly type: 'reset' }
  | { readonly type: 'deleted' };

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
    const words = line.split(' ');
    const event = parseEvent(words);
    if (event !== undefined) events.push(event);
    if (words[0] === 'h') events.push(...turnsGiven(words));
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

/** A part of a text keeps all of it in memory: who remembers an id or a lane must not remember the message. */
function copied(part: string): string {
  return Buffer.from(part).toString();
}

/** Turns given together: `h lane claimBy turn visitor score visitor score,lapses ...`, numbered from `turn` on. */
function turnsGiven([, name = '', claimBy, turn, ...places]: readonly string[]): RoomEvent[] {
  const given: RoomEvent[] = [];
  const lane = copied(name);
  for (let i = 0; i + 1 < places.length; i += 2) {
    const [visitor = '', place = ''] = places.slice(i, i + 2);
    const [score = '', lapses = 0] = place.split(',');
    given.push({
      type: 'admitted',
      visitor: copied(visitor),
      turn: Number(turn) + i / 2,
      claimBy: Number(claimBy),
      at: { lane, score: Number(score) },
      lapses: Number(lapses),
    });
  }
  return given;
}

function parseEvent(words: readonly string[]): RoomEvent | undefined {
  const [kind, first = '', second = '', third = '', fourth = '', fifth = '', sixth = ''] = words;
  // Of most lines the first word is one.
  const visitor = copied(first);
  switch (kind) {
    case 'a':
      return { type: 'admitted', visitor, turn: Number(second), claimBy: Number(third) };
    case 'c':
      return {
        type: 'active',
        visitor,
        turn: Number(second),
        deadline: Number(third),
        ...at(fourth, fifth),
        ...(sixth === 'served' ? { outOfTurn: true } : {}),
      };
    case 'e':
      return {
        type: 'ended',
        visitor,
        turn: Number(second),
        reason: third,
        ...(fourth === '' ? {} : { deadline: Number(fourth) }),
      };
    case 'l':
      return { type: 'lapsed', visitor, turn: Number(second), ...at(third, fourth) };
    case 'w':
      return {
        type: 'waits-again',
        visitor,
        score: Number(second),
        turn: Number(third),
        ...at(fourth, second),
        lapses: Number(fifth),
      };
    case 'k':
      return { type: 'called', visitor };
    case 'x':
      return { type: 'abandoned', visitor, ...at(second, third) };
    case 'y':
      return { type: 'passed-over', visitor, ...at(second, third) };
    case 'q':
      return { type: 'out', visitor, turn: Number(second), reason: third, ...at(fourth, fifth) };
    case 'z':
      return {
        type: 'queue-ended',
        reason: first === 'closed' ? 'closed' : 'sold-out',
        upTo: { arrived: Number(second), drawn: Number(third) },
      };
    case 's': {
      const last = { drawn: Number(sixth), arrived: Number(third) };
      const sketch = new RankSketch(Number(second), last, Number(fourth));
      return { type: 'sketch', lane: Number(first) - 1, sketch, pieces: Number(fifth) };
    }
    case 'p':
      return {
        type: 'piece',
        lane: Number(first) - 1,
        piece: parsePiece(Number(second), Number(third), fourth, fifth),
      };
    case 'n':
      return { type: 'counts', admitted: Number(first), active: Number(second) };
    case 'd': {
      if (first === '0') return { type: 'draw' };
      // Of the beacon's value any text may be part, spaces too.
      const beacon = words.slice(3).join(' ');
      const made = { doneAt: Number(first), seed: second, beacon: beacon === '' ? undefined : beacon };
      return { type: 'draw', made };
    }
    case 'o':
      return { type: 'roll-call' };
    case 't':
      return { type: 'settling', until: Number(first) };
    case 'b':
      return { type: 'put-back' };
    case 'u': {
      const units = { capacity: Number(first), held: Number(second), sold: Number(third) };
      return { type: 'stock', ...units, at: Number(fourth) };
    }
    case 'v':
      return { type: 'changed' };
    case 'r':
      return { type: 'reset' };
    case 'g':
      return { type: 'deleted' };
    default:
      return undefined;
  }
}

function at(lane: string, score: string): At {
  return lane === '' || lane === '-' ? {} : { at: { lane: copied(lane), score: Number(score) } };
}
