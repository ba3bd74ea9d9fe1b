import { parseArgs } from 'node:util';
import type { Variant } from '../lib/variant.ts';

export type Options = {
  readonly variant: Variant;
  readonly visitors: number;
  readonly arrivalSeconds: number;
  readonly ratePerMinute: number;
  readonly capacity: number;
  readonly quantity: number;
  readonly gateways: number;
  /** `addresses.json` of an installation that runs already; undefined = one of our own, thrown away afterwards. */
  readonly addresses: string | undefined;
  /** Folder of the results; undefined = by the size of the run. */
  readonly out: string | undefined;
};

export const crowd = 9_000;

export const help = `npm run loadtest -- surge [--logged-in | --direct] [options]

Sends a crowd at Ropeline and checks what became of it: every visitor answered, 1,000 of 1,000 sold, none lost or
doubled, admissions never above the bound, first in first out. Ends by itself; exit code 1 when a goal was missed.

  surge               visitors join, wait, claim, log in, reserve, pay (20 % declined), end their session
  surge --logged-in   logs everybody in before the run, admits 300/s, lets all through to an order or a refusal
  surge --direct      the same crowd straight at the ticket service, without a waiting room, to compare

  --vus N             visitors (9,000); a smaller crowd may not sell everything, see --quantity
  --arrival N         seconds in which they arrive (10)
  --rate N            admissions a minute (1,200; with --logged-in 18,000)
  --capacity N        most visitors inside at once (10,000)
  --quantity N        tickets an order, 1 to 4 (1)
  --gateways N        gateway processes (1)
  --addresses FILE    use a running installation: DATA_DIR/addresses.json of its npm start; offer 1 must be unsold
  --out DIR           where the report goes (loadtest/results for the whole crowd, else .cache/loadtest)`;

/** Throws an Error whose message is for the user. */
export function readOptions(args: readonly string[]): Options | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      'logged-in': { type: 'boolean' },
      direct: { type: 'boolean' },
      vus: { type: 'string' },
      arrival: { type: 'string' },
      rate: { type: 'string' },
      capacity: { type: 'string' },
      quantity: { type: 'string' },
      gateways: { type: 'string' },
      addresses: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  if (positionals.join(' ') !== 'surge') throw new Error(`Which load test?\n\n${help}`);
  if (values.direct && values['logged-in']) throw new Error('--logged-in and --direct exclude each other.');
  const variant: Variant = values['logged-in'] ? 'logged-in' : values.direct ? 'direct' : 'surge';
  return {
    variant,
    visitors: whole('--vus', values.vus, crowd, 1, crowd),
    arrivalSeconds: whole('--arrival', values.arrival, 10, 0, 600),
    ratePerMinute: whole('--rate', values.rate, variant === 'logged-in' ? 18_000 : 1_200, 1, 600_000),
    capacity: whole('--capacity', values.capacity, 10_000, 1, 1_000_000),
    quantity: whole('--quantity', values.quantity, 1, 1, 4),
    gateways: whole('--gateways', values.gateways, 1, 1, 64),
    addresses: values.addresses,
    out: values.out,
  };
}

function whole(name: string, text: string | undefined, fallback: number, min: number, max: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new Error(`${name} must be a whole number from ${min} to ${max}, not ${text}.`);
  }
  return value;
}
