import { defineScript, type Script } from '@ropeline/core/redis/script.ts';
import { type Answered, answered } from '../answer.ts';

/** Bindings of the scripts of the draw. What they promise stands in the files' headers. */
export const sealDraw: Script<Answered<{ readonly sealed: boolean }>> = defineScript(
  {
    file: 'seal_draw',
    keys: ['config', 'pacer'],
    args: ['epochId', 'sequence', 'channel', 'run', 'seed', 'commitment'],
  },
  (raw) => answered(raw, ([sealed]) => ({ sealed: sealed === 1 })),
);

/** Somebody who is drawn: `lane:visitor`, and the score, which is -1 before the draw. */
export type Participant = { readonly member: string; readonly score: number };

export const readParticipants: Script<Answered<{ readonly participants: readonly Participant[] }>> =
  defineScript(
    {
      file: 'read_participants',
      keys: ['config', 'pacer', 'drawn'],
      args: ['epochId', 'sequence', 'from', 'most'],
    },
    (raw) =>
      answered(raw, (rest) => {
        const participants: Participant[] = [];
        for (let i = 0; i + 1 < rest.length; i += 2) {
          participants.push({ member: rest[i] as string, score: Number(rest[i + 1]) });
        }
        return { participants };
      }),
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

export const advanceDraw: Script<Answered<DrawStep>> = defineScript(
  {
    file: 'advance_draw',
    keys: ['config', 'pacer', 'drawn'],
    repeatedKeys: ['queue', 'away'],
    args: ['epochId', 'sequence', 'lanes', 'channel', 'gateway', 'hash', 'most'],
  },
  (raw) =>
    answered(raw, ([code, ...words]) => {
      const next = steps[code as number];
      if (next === undefined) throw new Error(`advance_draw answered ${code}`);
      const [seed = '', beacon = '', ...members] = words as string[];
      return { next, seed, beacon: beacon === '' ? undefined : beacon, members };
    }),
);

export type BeaconAnswer = {
  readonly outcome: 'given' | 'too-early' | 'settled' | 'none';
  readonly version: number;
};

export const giveBeacon: Script<Answered<BeaconAnswer>> = defineScript(
  {
    file: 'give_beacon',
    keys: ['config', 'pacer', 'audit'],
    args: ['epochId', 'sequence', 'channel', 'value', 'author', 'reason'],
  },
  (raw) => {
    const reply = raw as number[];
    const refused = ({ 3: 'too-early', 4: 'settled', 5: 'none' } as const)[reply[0] as number];
    if (refused !== undefined) return { sequence: 0, now: 0, outcome: refused, version: 0 };
    return answered(raw, ([version]) => ({ outcome: 'given', version: version as number }));
  },
);
