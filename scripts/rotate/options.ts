import { parseArgs } from 'node:util';

export type RotateOptions = {
  readonly retire: boolean;
  /** Seconds until the new keys sign. */
  readonly signsIn: number;
  /** Hours for which tokens of the old entry keys are taken after that. */
  readonly keepHours: number;
};

export const rotateHelp = `npm run rotate-keys -- [--retire] [--signs-in 90] [--keep-hours 25]

Makes a new entry key (file ENTRY_KEYS) and a new place secret (file PLACE_SECRET_FILE); unset, the files that npm start
keeps under DATA_DIR. Running gateways take them over within two seconds, without a restart; nobody loses a place.

  --signs-in    seconds until the new ones sign; until then every verifier learns them (JWKS are kept for a minute)
  --keep-hours  how long tokens of the old entry keys are taken after that; the longest session is 24 h
  --retire      makes nothing new, but takes out what does not sign any more: its tokens and tickets are refused`;

/** Undefined = help was asked for. Throws an instruction for what it does not understand. */
export function readRotateOptions(args: readonly string[]): RotateOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      retire: { type: 'boolean', default: false },
      'signs-in': { type: 'string', default: '90' },
      'keep-hours': { type: 'string', default: '25' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    retire: values.retire,
    signsIn: number('--signs-in', values['signs-in'], 86_400),
    keepHours: number('--keep-hours', values['keep-hours'], 10_000),
  };
}

function number(name: string, text: string, max: number): number {
  const value = Number(text);
  if (text === '' || !Number.isInteger(value) || value < 0 || value > max) {
    throw new Error(`${name} must be a whole number from 0 to ${max}, not "${text}".\n\n${rotateHelp}`);
  }
  return value;
}
