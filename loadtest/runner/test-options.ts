import { parseArgs } from 'node:util';

export type TestOptions = {
  readonly name: string;
  /** Shortens tests that load for a set time; undefined = the whole test. */
  readonly seconds: number | undefined;
  readonly out: string | undefined;
};

export const testsHelp = `npm run loadtest -- coupon | stock | seats | hotel [options]

The tests of the replaced systems, straight at a ticket service of their own (ENTRY_REQUIRED=false); each is judged by
what k6, Redis and Postgres say and ends with exit code 1 when a goal was missed.

  coupon              50 users, then 500, 1,000 and 2,000 ask for coupons
  stock               150 reserves by 50 at once on 100 pieces
  seats               two members on one seat; 600 users on lists and seat maps, database against memory
  hotel               255 users book 200 rooms for random dates, 180 s

npm run loadtest -- outage

  outage              200,000 orders while Postgres is stopped for 30 s: nothing lost, backlog back to zero

  --seconds N         shorter (a quick try; the report goes to .cache/loadtest)
  --out DIR           where the report goes (loadtest/results for the whole test)`;

/** Throws an Error whose message is for the user; undefined when it is none of these tests. */
export function readTestOptions(args: readonly string[], names: readonly string[]): TestOptions | undefined {
  const [name = '', ...rest] = args;
  if (!names.includes(name)) return undefined;
  const { values } = parseArgs({
    args: rest,
    options: { seconds: { type: 'string' }, out: { type: 'string' } },
  });
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  if (seconds !== undefined && (!Number.isInteger(seconds) || seconds < 1 || seconds > 3_600)) {
    throw new Error(`--seconds must be a whole number from 1 to 3600, not ${values.seconds}.`);
  }
  return { name, seconds, out: values.out };
}
