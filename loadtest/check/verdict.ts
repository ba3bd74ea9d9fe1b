import { mostInsideAtAdmission, type Rules, worstWindow } from './admission-bound.ts';
import { overtaken, unfairPlaces, type Violations } from './admission-order.ts';
import { compareOrders, comparePayments, completedUnits } from './books.ts';
import type { Ledger } from './ledger.ts';
import { type RoomRecord, timesOf } from './room-record.ts';
import { countOutcomes, placesOf, type Story } from './stories.ts';

/** Everything that is known of a run when it is over. */
export type Facts = {
  readonly visitors: number;
  /** The crowd is large enough that everything must be sold. */
  readonly sellsOut: boolean;
  readonly stories: readonly Story[];
  /** Shares of requests, by k6: `http_req_failed`, and the stricter `requests_unresolved`. */
  readonly failed: { readonly plain: number; readonly unresolved: number };
  readonly stock: { readonly capacity: number; readonly held: number; readonly sold: number };
  readonly ledger: Ledger;
  /** From the last accepted order or payment to an empty outbox; undefined = not within the time allowed. */
  readonly outboxEmptyAfterMs: number | undefined;
  /** Undefined where the crowd does not pass through a room. */
  readonly room:
    | { readonly record: RoomRecord; readonly rules: readonly Rules[]; readonly capacity: number }
    | undefined;
};

/** `kept` undefined: reported, not judged. */
export type Check = { readonly goal: string; readonly found: string; readonly kept: boolean | undefined };

const failedLimit = 0.001;
const outboxLimitMs = 2_000;

/** The goals, one by one. Straight at the shop the crowd's own goals are only reported: there is no room to keep them. */
export function judge(facts: Facts): readonly Check[] {
  const direct = facts.room === undefined;
  const crowd = crowdChecks(facts).map((check) => (direct ? { ...check, kept: undefined } : check));
  return [...crowd, ...salesChecks(facts), ...roomChecks(facts)];
}

export function passed(checks: readonly Check[]): boolean {
  return checks.every(({ kept }) => kept !== false);
}

function crowdChecks({ visitors, stories, failed, sellsOut, ledger }: Facts): readonly Check[] {
  const unanswered = countOutcomes(stories).unanswered + visitors - stories.length;
  const sold = completedUnits(ledger);
  return [
    check('every visitor has an answer', `${unanswered} of ${visitors} without`, unanswered === 0),
    check('http_req_failed < 0.1 %', percent(failed.plain), failed.plain < failedLimit),
    check(
      'requests without a valid answer < 0.1 % (a 503 counts unless a retry resolved it)',
      percent(failed.unresolved),
      failed.unresolved < failedLimit,
    ),
    check(
      sellsOut ? 'everything is sold' : 'sold (no goal: not a crowd that must buy everything)',
      `${sold} of ${ledger.capacity}`,
      sellsOut ? sold === ledger.capacity : true,
    ),
  ];
}

function salesChecks({ stories, stock, ledger, outboxEmptyAfterMs }: Facts): readonly Check[] {
  const sold = completedUnits(ledger);
  const told = countOutcomes(stories).completed;
  const completed = ledger.orders.filter(({ state }) => state === 'COMPLETED').length;
  return [
    check('never more sold than there is', `${sold} of ${ledger.capacity}`, sold <= ledger.capacity),
    check(
      "COMPLETED orders in Postgres are k6's completed payments",
      `${completed} and ${told}`,
      completed === told,
    ),
    none('no order lost, doubled or unknown', compareOrders(stories, ledger)),
    none('every COMPLETED order paid once, no other', comparePayments(ledger)),
    check(
      'Redis and Postgres agree: sold, held, capacity',
      `Redis ${stock.sold}, ${stock.held}, ${stock.capacity}; Postgres ${sold}, ${ledger.taken - sold}, ${ledger.capacity}`,
      stock.sold === sold && stock.held === ledger.taken - sold && stock.capacity === ledger.capacity,
    ),
    check('no unit still held', `${stock.held}`, stock.held === 0),
    check(
      'no dead letters',
      `${ledger.deadLetters}; ${ledger.retriedLetters} settled by a further try`,
      ledger.deadLetters === 0,
    ),
    check(
      'outbox empty within 2 s of the last acceptance',
      outboxEmptyAfterMs === undefined ? 'not empty' : `${outboxEmptyAfterMs} ms`,
      outboxEmptyAfterMs !== undefined && outboxEmptyAfterMs <= outboxLimitMs,
    ),
  ];
}

function roomChecks({ room, stories }: Facts): readonly Check[] {
  if (room === undefined) return [];
  const { record, rules, capacity } = room;
  const admissions = timesOf(record, 'admitted');
  const worst = worstWindow(admissions, timesOf(record, 'lapsed'), rules);
  const most = mostInsideAtAdmission(record.events);
  const places = placesOf(stories);
  return [
    check(
      "the room's record is whole",
      `${record.missing} messages missing, ${record.epochs} epoch(s)`,
      record.missing === 0 && record.epochs === 1,
    ),
    none('who was told of a turn was given one', unrecordedTurns(record, stories)),
    check(
      'guarantee 1: admissions never above the bound, in any window',
      worst === undefined
        ? 'nobody was admitted'
        : `${admissions.length} admissions; the tightest window: ${worst.admissions} in ${worst.to - worst.from} ms, ` +
            `${worst.bound.toFixed(1)} allowed`,
      worst !== undefined && worst.excess <= 0,
    ),
    check(
      'guarantee 1: no admission at full capacity',
      `at most ${most} of ${capacity} inside before one`,
      most < capacity,
    ),
    none('guarantee 2: first in, first out', overtaken(record.events, places)),
    none('places are given in the order of arrival', unfairPlaces(places)),
  ];
}

function unrecordedTurns(record: RoomRecord, stories: readonly Story[]): Violations {
  const admitted = new Set(
    record.events.filter(({ kind }) => kind === 'admitted').map(({ visitor }) => visitor),
  );
  return placesOf(stories.filter(({ enteredAt }) => enteredAt !== undefined))
    .filter(({ visitor }) => !admitted.has(visitor))
    .map(({ visitor }) => `${visitor} entered without an admission on record`);
}

export function check(goal: string, found: string, kept: boolean): Check {
  return { goal, found, kept };
}

export function none(goal: string, violations: Violations): Check {
  const [first] = violations;
  return check(
    goal,
    first === undefined ? '0 exceptions' : `${violations.length}, first: ${first}`,
    first === undefined,
  );
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(3)} %`;
}
