import { defineScript, type Script } from '@ropeline/core/redis/script.ts';
import { type Answered, answered } from '../answer.ts';

/** Bindings of the scripts of recovery. What they promise stands in the files' headers. */
const callerArgs = ['epochId', 'sequence', 'lanes'] as const;
const lanePair = ['queue', 'away'] as const;

export const restoreRoom: Script<Answered<{ readonly again: boolean }>> = defineScript(
  {
    file: 'restore_room',
    keys: ['config', 'pacer', 'presence', 'admitted', 'active', 'turns', 'over', 'ended', 'drawn'],
    repeatedKeys: lanePair,
    args: [...callerArgs, 'channel'],
  },
  (raw) => answered(raw, ([again]) => ({ again: again === 1 })),
);

export type SpentPage = { readonly next: string; readonly words: readonly string[] };

export const readSpent: Script<Answered<SpentPage>> = defineScript(
  {
    file: 'read_spent',
    keys: ['config', 'pacer', 'admitted', 'active', 'turns', 'over', 'ended'],
    repeatedKeys: lanePair,
    args: [...callerArgs, 'part', 'cursor'],
  },
  (raw) => answered(raw, ([next, ...words]) => ({ next: next as string, words: words as string[] })),
);

export const countEntries: Script<Answered<{ readonly codes: readonly number[] }>> = defineScript(
  {
    file: 'count_entries',
    keys: ['config', 'pacer', 'presence', 'admitted', 'active', 'turns', 'over', 'ended'],
    repeatedKeys: lanePair,
    args: [...callerArgs, 'channel'],
  },
  (raw) => answered(raw, (codes) => ({ codes: codes as number[] })),
);
