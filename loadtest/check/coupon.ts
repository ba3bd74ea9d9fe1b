import { emptyAfter, type Look, peakOf, worstBacklog } from './backlog.ts';
import { type Check, check, percent } from './verdict.ts';

/** One call, as k6 wrote it down: user, status, outcome, when it was answered. */
export type Issue = {
  readonly userId: string;
  readonly status: number;
  readonly outcome: string;
  readonly at: number;
};

export type CouponFacts = {
  readonly issues: readonly Issue[];
  /** Members of the coupon's orders in Postgres, one for each order. */
  readonly holders: readonly string[];
  readonly looks: readonly Look[];
  readonly p95Ms: { readonly steady: number; readonly ramp: number };
};

const limits = { p95Ms: 2_000, failed: 0.05, emptyMs: 5_000 };

export function readIssues(text: string): readonly Issue[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [userId = '', status, outcome = '', at] = line.split(' ');
      return { userId, status: Number(status), outcome, at: Number(at) };
    });
}

export function judgeCoupon({ issues, holders, looks, p95Ms }: CouponFacts): readonly Check[] {
  const issued = issues.filter(({ outcome }) => outcome === 'issued');
  const failed = issues.filter(({ status }) => status !== 202).length / Math.max(1, issues.length);
  const kept = new Set(holders);
  const lost = issued.filter(({ userId }) => !kept.has(`source:${userId}`)).length;
  const last = issues.reduce((latest, { at }) => Math.max(latest, at), 0);
  const empty = emptyAfter(looks, last);
  const worst = worstBacklog(looks.filter(({ at }) => at <= last));
  return [
    check('coupons were issued', String(issued.length), issued.length > 0),
    check('p95 below 2 s, 500 to 2,000 users', `${p95Ms.ramp.toFixed(0)} ms`, p95Ms.ramp < limits.p95Ms),
    { goal: 'p95, 50 users', found: `${p95Ms.steady.toFixed(0)} ms`, kept: undefined },
    check('failures below 5 %', percent(failed), failed < limits.failed),
    check('every coupon issued is in Postgres', `${lost} of ${issued.length} lost`, lost === 0),
    check(
      'nobody has two, nobody has one unasked',
      `${holders.length} orders, ${kept.size} holders, ${issued.length} issued`,
      holders.length === kept.size && holders.length >= issued.length && holders.length <= issues.length,
    ),
    check(
      'the backlog never exceeds what was accepted in the last 2 s',
      `at most ${(worst * 100).toFixed(1)} % of it, ${peakOf(looks)} entries`,
      worst <= 1,
    ),
    check(
      'backlog 0 within 5 s of the last answer',
      empty === undefined ? 'not empty' : `${empty} ms`,
      empty !== undefined && empty <= limits.emptyMs,
    ),
  ];
}
