import { defineScript, type Script } from '@ropeline/core/redis/script.ts';

/** Bindings of the scripts of the draw. What they promise stands in the files' headers. */
type Head = { readonly sequence: number; readonly now: number };
export type DrawAnswer<T> = (Head & T) | 'lost' | 'stale';

function headOf(raw: readonly unknown[]): Head | 'lost' | 'stale' {
  if (raw[0] === 0) return 'lost';
  if (raw[0] === 2) return 'stale';
  return { sequence: raw[1] as number, now: raw[2] as number };
}

export const sealDraw: Script<DrawAnswer<{ readonly sealed: boolean }>> = defineScript(
  {
    file: 'seal_draw',
    keys: ['config', 'pacer'],
    args: ['epochId', 'sequence', 'channel', 'run', 'seed', 'commitment'],
  },
  (raw) => {
    const reply = raw as unknown[];
    const head = headOf(reply);
    return typeof head === 'string' ? head : { ...head, sealed: reply[3] === 1 };
  },
);

/** Somebody who is drawn: `lane:visitor`, and the score, which is -1 before the draw. */
export type Participant = { readonly member: string; readonly score: number };

export const readParticipants: Script<DrawAnswer<{ readonly participants: readonly Participant[] }>> =
  defineScript(
    {
      file: 'read_participants',
      keys: ['config', 'pacer', 'drawn'],
      args: ['epochId', 'sequence', 'from', 'most'],
    },
    (raw) => {
      const reply = raw as unknown[];
      const head = headOf(reply);
      if (typeof head === 'string') return head;
      const participants: Participant[] = [];
      for (let i = 3; i + 1 < reply.length; i += 2) {
        participants.push({ member: reply[i] as string, score: Number(reply[i + 1]) });
      }
      return { ...head, participants };
    },
  );

const steps = ['done', 'busy', 'count', 'beacon', 'draw'] as const;
export type DrawStep = {
  /** What is to be done next; `busy`: by another gateway. */
  readonly next: (typeof steps)[number];
  /** What the scores come from; the seed is secret until the draw is made. */
  readonly seed: string;
  readonly beacon: string | undefined;
  /** Members `lane:visitor` to be drawn. */
  readonly members: readonly string[];
};

export const advanceDraw: Script<DrawAnswer<DrawStep>> = defineScript(
  {
    file: 'advance_draw',
    keys: ['config', 'pacer', 'drawn'],
    repeatedKeys: ['queue', 'away'],
    args: ['epochId', 'sequence', 'lanes', 'channel', 'gateway', 'hash', 'most'],
  },
  (raw) => {
    const reply = raw as unknown[];
    const head = headOf(reply);
    if (typeof head === 'string') return head;
    const next = steps[reply[3] as number];
    if (next === undefined) throw new Error(`advance_draw answered ${reply[3]}`);
    const [seed = '', beacon = '', ...members] = reply.slice(4) as string[];
    return { ...head, next, seed, beacon: beacon === '' ? undefined : beacon, members };
  },
);

export type BeaconAnswer = {
  readonly outcome: 'given' | 'too-early' | 'settled' | 'none';
  readonly version: number;
};

export const giveBeacon: Script<DrawAnswer<BeaconAnswer>> = defineScript(
  {
    file: 'give_beacon',
    keys: ['config', 'pacer', 'audit'],
    args: ['epochId', 'sequence', 'channel', 'value', 'author', 'reason'],
  },
  (raw) => {
    const reply = raw as number[];
    const refused = ({ 3: 'too-early', 4: 'settled', 5: 'none' } as const)[reply[0] as number];
    if (refused !== undefined) return { sequence: 0, now: 0, outcome: refused, version: 0 };
    const head = headOf(reply);
    return typeof head === 'string' ? head : { ...head, outcome: 'given', version: reply[3] as number };
  },
);
