import { type Look, peakOf } from './backlog.ts';
import { type Check, check, none } from './verdict.ts';

export type OutageFacts = {
  readonly orders: number;
  /** Ids of all orders that were answered 2xx. */
  readonly accepted: readonly string[];
  readonly later: number;
  readonly longestMs: number;
  /** Postgres' at the end. */
  readonly rows: readonly { readonly orderId: string; readonly state: string }[];
  /** `order.reserved` of them all. */
  readonly events: number;
  readonly taken: number;
  readonly held: number;
  readonly looks: readonly Look[];
  readonly isEmpty: boolean;
  /** Unix ms: Postgres told to stop, answering again, the last order answered. */
  readonly stoppedAt: number;
  readonly backAt: number;
  readonly lastAt: number;
};

export function judgeOutage(facts: OutageFacts): readonly Check[] {
  const { orders, accepted, rows, events, taken, held, looks, isEmpty } = facts;
  const kept = new Set(rows.map(({ orderId }) => orderId));
  const told = new Set(accepted);
  const away = looks.filter(({ at }) => at > facts.stoppedAt && at < facts.backAt);
  const sold = (away.at(-1)?.taken ?? 0) - (away[0]?.taken ?? 0);
  // The rest of the load came meanwhile, so a short outbox is as far as it can be while orders still come.
  const caughtUp = looks.find(({ at, waiting }) => at > facts.backAt && waiting < steadyBacklog);
  const empty = looks.findLast(({ waiting }) => waiting > 0);
  const emptyMs = empty === undefined ? 0 : empty.at - facts.lastAt;
  return [
    check('every order was answered 2xx', `${accepted.length} of ${orders}`, accepted.length === orders),
    check('each has an id of its own', `${told.size}`, told.size === accepted.length),
    none(
      'nothing lost: every order is in Postgres',
      accepted.filter((orderId) => !kept.has(orderId)),
    ),
    none(
      'nothing there that nobody was told of',
      rows.filter(({ orderId }) => !told.has(orderId)).map(({ orderId }) => orderId),
    ),
    none(
      'all of them RESERVED, as they were answered',
      rows.filter(({ state }) => state !== 'RESERVED').map(({ orderId, state }) => `${orderId} ${state}`),
    ),
    check('one event each', String(events), events === orders),
    check(
      'Redis and Postgres count the same',
      `held ${held}, taken ${taken}`,
      held === orders && taken === orders,
    ),
    check('sales went on while Postgres was away', `${sold} orders`, sold > 0),
    { goal: 'told to come later, and were served then', found: String(facts.later), kept: undefined },
    { goal: 'the longest answer', found: `${facts.longestMs.toFixed(0)} ms`, kept: undefined },
    { goal: 'most that waited for Postgres', found: `${peakOf(looks)} entries`, kept: undefined },
    check(
      'caught up while orders still came: below 2,500 waiting',
      caughtUp === undefined ? 'never' : `${caughtUp.at - facts.backAt} ms after Postgres was back`,
      caughtUp !== undefined,
    ),
    check(
      'backlog back to zero',
      isEmpty ? `${Math.max(0, emptyMs)} ms after the last order` : 'not empty',
      isEmpty,
    ),
  ];
}

const steadyBacklog = 2_500;
