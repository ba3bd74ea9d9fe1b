import { type Check, check, percent } from './verdict.ts';

/** Two members on one seat, as k6 wrote it down. */
export type Pair = {
  readonly seat: string;
  readonly statuses: readonly [number, number];
  readonly ms: readonly [number, number];
};

export type SeatsFacts = {
  readonly pairs: readonly Pair[];
  /** Seats of the musical that Postgres has an order for. */
  readonly sold: readonly string[];
  readonly p90Ms: { readonly database: number; readonly memory: number };
  readonly failed: number;
};

const seats = 140;
const limits = { p90Ms: 3_000, failed: 0.2 };

export function readPairs(text: string): readonly Pair[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [seat = '', ...numbers] = line.split(' ');
      const [first = 0, second = 0, firstMs = 0, secondMs = 0] = numbers.map(Number);
      return { seat, statuses: [first, second], ms: [firstMs, secondMs] };
    });
}

export function judgeSeats({ pairs, sold, p90Ms, failed }: SeatsFacts): readonly Check[] {
  const fair = pairs.filter(({ statuses }) => [...statuses].sort().join() === '200,400').length;
  const slowest = Math.max(0, ...pairs.flatMap(({ ms }) => ms));
  const inPostgres = new Set(sold);
  return [
    check(
      'two on one seat: one has it, the other is told so',
      `${fair} of ${pairs.length} pairs`,
      fair === seats,
    ),
    check(
      'each seat is one order in Postgres',
      `${sold.length} orders of ${inPostgres.size} seats`,
      sold.length === seats && inPostgres.size === seats,
    ),
    { goal: 'the longest answer of a pair', found: `${slowest.toFixed(0)} ms`, kept: undefined },
    check(
      'p90 of a seat map below 3 s, from the database',
      `${p90Ms.database.toFixed(0)} ms`,
      p90Ms.database < limits.p90Ms,
    ),
    check(
      'p90 of a seat map below 3 s, from memory',
      `${p90Ms.memory.toFixed(0)} ms`,
      p90Ms.memory < limits.p90Ms,
    ),
    check('failures below 20 %', percent(failed), failed < limits.failed),
  ];
}
