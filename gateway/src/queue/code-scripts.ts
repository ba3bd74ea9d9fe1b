import { defineScript, type Script } from '@ropeline/core/redis/script.ts';
import { type Answer, decodeAnswer } from './scripts.ts';

const keys = ['config', 'pacer', 'audit', 'codes', 'codeBatches'] as const;

export type MakeCodesAnswer = Answer | 'too-many' | { readonly taken: number };

export const makeCodes: Script<MakeCodesAnswer> = defineScript(
  {
    file: 'make_codes',
    keys,
    args: ['epochId', 'sequence', 'batch', 'lane', 'uses', 'ends', 'label', 'author', 'reason'],
  },
  (raw) => {
    const [code, at] = raw as number[];
    if (code === 4) return 'too-many';
    return code === 3 ? { taken: (at as number) - 1 } : decodeAnswer(raw);
  },
);

/** Reply's `rest`: how many were there. */
export const withdrawCodes: Script<Answer> = defineScript(
  { file: 'withdraw_codes', keys, args: ['epochId', 'sequence', 'batch', 'author', 'reason'] },
  decodeAnswer,
);
