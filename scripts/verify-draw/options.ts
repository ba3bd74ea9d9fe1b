import { parseArgs } from 'node:util';

export const verifyHelp = `npm run verify-draw -- <file | -> [options]

Checks a draw: the export of a lottery room (GET /api/rooms/{room}/export), from a file or from standard input.

  --commitment <hex>          that you noted before the opening: the seed must be the one it stands for
  --participants-hash <hex>   that you noted before the beacon's value was known, or at the opening
  --visitor <id>              also says which place this visitor drew

Exit code 0: all is right; 1: something is not, with the first differences; 2: it could not be read.`;

export type VerifyOptions = {
  /** `-` = standard input. */
  readonly file: string;
  readonly noted: { readonly commitment?: string; readonly participantsHash?: string };
  readonly visitor: string | undefined;
};

/** Undefined when help is asked for. Throws with what is wrong. */
export function readVerifyOptions(args: readonly string[]): VerifyOptions | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      commitment: { type: 'string' },
      'participants-hash': { type: 'string' },
      visitor: { type: 'string' },
    },
  });
  if (values.help === true) return undefined;
  const [file] = positionals;
  if (file === undefined || positionals.length > 1)
    throw new Error('Name one file, or - for standard input.');
  const { commitment, visitor, 'participants-hash': participantsHash } = values;
  return {
    file,
    visitor,
    noted: {
      ...(commitment === undefined ? {} : { commitment }),
      ...(participantsHash === undefined ? {} : { participantsHash }),
    },
  };
}
