import { describe, expect, it } from 'vitest';
import type {
  Call,
  End,
  History,
  LedgerLine,
  OfferEnd,
  OrderEnd,
  State,
  Step,
} from '../support/history/history.ts';
import { judgeOrders } from '../support/history/judge-orders.ts';

type Told = { history: { calls: Call[] }; end: Writable<End> };
type Writable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

const ways: Record<string, readonly State[]> = {
  bought: ['RESERVED', 'PAYING', 'COMPLETED'],
  returned: ['RESERVED', 'PAYING', 'COMPLETED', 'CANCELLED'],
  declined: ['RESERVED', 'PAYING', 'CANCELLED'],
  expired: ['RESERVED', 'EXPIRED'],
  seated: ['RESERVED', 'PAYING', 'COMPLETED'],
};

/** A sound history: a ticket bought, one returned, one declined, one that expired, and seats that were bought. */
function sound(): Told {
  const orders = Object.entries(ways).map(
    ([orderId, states]): OrderEnd => ({
      orderId,
      version: states.length,
      state: states.at(-1) ?? 'RESERVED',
      offerId: orderId === 'seated' ? 2 : 1,
      memberId: `member-${orderId}`,
      key: `key-${orderId}`,
      units: orderId === 'seated' ? 'A1,A2' : '1',
      quantity: orderId === 'seated' ? 2 : 1,
      amountMinor: 500,
      attempt: states.includes('PAYING') ? 1 : 0,
    }),
  );
  const steps = orders.flatMap(({ orderId, offerId, units, quantity }, at) =>
    (ways[orderId] ?? []).map(
      (state, index): Step => ({
        ...{ orderId, version: index + 1, state, offerId, units, quantity },
        at: 1_000 * at + 10 * index,
      }),
    ),
  );
  const calls = orders.map(
    (order, at): Call => ({
      ...{ wish: 'order', member: order.memberId, offerId: order.offerId, key: order.key },
      ...{ began: 1_000 * at, ended: 1_000 * at + 5, status: 201 },
      told: { ...order, state: 'RESERVED', version: 1, holdUntil: 1_000 * at + 900 },
    }),
  );
  const line = (orderId: string, state: LedgerLine['state']): LedgerLine => ({
    reference: `${orderId}:1`,
    state,
    amountMinor: 500,
  });
  const offer = (
    offerId: number,
    capacity: number,
    sold: number,
    names: Record<string, string>,
  ): OfferEnd => ({
    ...{ offerId, title: `offer ${offerId}`, isCoupon: false, capacity, taken: sold },
    redis: { capacity, held: 0, sold },
    namesInRedis: new Map(Object.entries(names)),
    namesInPostgres: new Map(Object.entries(names)),
    members: new Map([[offerId === 1 ? 'member-bought' : 'member-seated', sold]]),
  });
  return {
    history: { calls },
    end: {
      offers: [offer(1, 2, 1, {}), offer(2, 4, 2, { A1: 'seated', A2: 'seated' })],
      orders,
      inRedis: orders.map(({ orderId, version, state }) => ({ orderId, version, state })),
      steps,
      payments: [
        { orderId: 'bought', attempt: 1, reference: 'bought:1', state: 'paid' },
        { orderId: 'returned', attempt: 1, reference: 'returned:1', state: 'refunded' },
        { orderId: 'declined', attempt: 1, reference: 'declined:1', state: 'declined' },
        { orderId: 'seated', attempt: 1, reference: 'seated:1', state: 'paid' },
      ],
      ledger: [
        ...[line('bought', 'paid'), line('returned', 'paid'), line('declined', 'declined')],
        ...[line('returned', 'refunded'), line('seated', 'paid')],
      ],
      left: { outbox: 0, transfers: 0, deadLetters: 0 },
    },
  };
}

/** What is changed of one of many, found by what it is. */
function change<T extends object>(all: T[], which: (one: T) => boolean, to: Partial<T>): void {
  const at = all.findIndex(which);
  all[at] = { ...(all[at] as T), ...to };
}
const order =
  (id: string) =>
  ({ orderId }: { orderId: string }): boolean =>
    orderId === id;

/** The first call of an order's member, as it is of another call. */
function call({ history }: Told, id: string, other: Partial<Call>): Call {
  const first = history.calls.find(({ key }) => key === `key-${id}`) as Call;
  const { told: _, ...rest } = first;
  return { ...rest, orderId: id, ...other };
}

const broken: readonly (readonly [string, (told: Told) => void, RegExp])[] = [
  [
    'an accepted order that is lost',
    ({ end }) => void end.orders.splice(0, 1),
    /order bought was accepted and is lost/,
  ],
  [
    'a key that made two orders',
    ({ end }) => void end.orders.push({ ...(end.orders[3] as OrderEnd), orderId: 'twin' }),
    /key member-expired 1 key-expired made 2 orders: expired, twin/,
  ],
  [
    'an order that nobody asked for',
    ({ end }) => change(end.orders, order('expired'), { key: 'of nobody' }),
    /order expired of member-expired was never asked for/,
  ],
  [
    'an order that never ends',
    ({ end }) => change(end.orders, order('declined'), { state: 'PAYING' }),
    /order declined is still PAYING/,
  ],
  [
    'an order that its member is told was never there',
    (told) => void told.history.calls.push(call(told, 'bought', { status: 404, code: 'unknown-order' })),
    /order bought was accepted and member-bought was told that there is none/,
  ],
  [
    'a completed order that was given back by nobody',
    (told) => {
      const completed = { ...(told.end.orders[1] as OrderEnd), state: 'COMPLETED', version: 3 } as const;
      told.history.calls.push(
        call(told, 'returned', { wish: 'pay', status: 200, told: { ...completed, holdUntil: 0 } }),
      );
    },
    /order returned is CANCELLED, its member was told COMPLETED/,
  ],
  [
    'a decline of an order that is kept',
    (told) => void told.history.calls.push(call(told, 'bought', { status: 402, code: 'payment-declined' })),
    /order bought is COMPLETED, its member was told that the payment was declined/,
  ],
  [
    'a version that was told and is gone',
    ({ end }) => change(end.orders, order('returned'), { version: 0 }),
    /order returned is at version 0, its member was told 1/,
  ],
  [
    'units that were promised to two at one time',
    ({ history, end }) => {
      const seated = end.orders[4] as OrderEnd;
      end.orders.push({
        ...seated,
        orderId: 'other',
        memberId: 'other',
        key: 'other',
        units: 'A2',
        quantity: 1,
      });
      const first = history.calls[4] as Call;
      const told = { ...(first.told as NonNullable<Call['told']>), orderId: 'other', units: 'A2' };
      history.calls.push({ ...first, member: 'other', key: 'other', told });
    },
    /offer 2: A2 was of seated and of other, promised at one time/,
  ],
  [
    'more units than there are, promised at one time',
    ({ end }) => change(end.offers, ({ offerId }) => offerId === 1, { capacity: 0 }),
    /offer 1: 2 of 0 units were promised at one time/,
  ],
  [
    'more units than there are, taken at one moment',
    ({ end }) => {
      change(end.steps, ({ orderId, version }) => orderId === 'returned' && version === 1, { at: 1 });
      change(end.steps, ({ orderId, version }) => orderId === 'declined' && version === 1, { at: 2 });
    },
    /offer 1: 3 of 2 units were taken at one time/,
  ],
  [
    'a name that was taken from its owner',
    ({ end }) => change(end.steps, order('bought'), { offerId: 2, units: 'A1', at: 0 }),
    /offer 2: A1 was of bought and of seated, taken at one time/,
  ],
  [
    'a step that is missing',
    ({ end }) => void end.steps.splice(1, 1),
    /order bought: a step is missing before version 3 \(COMPLETED\)/,
  ],
  [
    'an expiry while PAYING',
    ({ end }) => {
      change(end.orders, order('declined'), { state: 'EXPIRED' });
      change(end.steps, ({ orderId, version }) => orderId === 'declined' && version === 3, {
        state: 'EXPIRED',
      });
    },
    /order declined went from PAYING to EXPIRED/,
  ],
  [
    'a row that an older version has overwritten',
    ({ end }) => change(end.orders, order('bought'), { state: 'PAYING', version: 2 }),
    /order bought is COMPLETED \(3\) in Redis, PAYING \(2\) in Postgres/,
  ],
  [
    'money that was taken twice',
    ({ end }) => void end.ledger.push({ reference: 'bought:2', state: 'paid', amountMinor: 500 }),
    /order bought is COMPLETED: the provider keeps 1000 and 500 is due/,
  ],
  [
    'one reference that was charged twice',
    ({ end }) => void end.ledger.push({ reference: 'bought:1', state: 'paid', amountMinor: 500 }),
    /bought:1 was charged 2 times/,
  ],
  [
    'a double refund',
    ({ end }) => void end.ledger.push({ reference: 'returned:1', state: 'refunded', amountMinor: 500 }),
    /returned:1 was refunded 2 times/,
  ],
  [
    'a refund of what is kept',
    ({ end }) => void end.ledger.push({ reference: 'bought:1', state: 'refunded', amountMinor: 500 }),
    /order bought is COMPLETED: the provider keeps 0 and 500 is due/,
  ],
  [
    'money of an order that expired',
    ({ end }) => void end.ledger.push({ reference: 'expired:1', state: 'paid', amountMinor: 500 }),
    /expired:1 was charged without a payment/,
  ],
  [
    'a refund that is still due',
    ({ end }) => change(end.payments, order('returned'), { state: 'refund-due' }),
    /payment returned:1 is still refund-due/,
  ],
  [
    'a payment that the provider does not know',
    ({ end }) => void end.ledger.splice(0, 1),
    /payment bought:1 is paid, the provider has it as undefined/,
  ],
  [
    'units that are still held',
    ({ end }) =>
      change(end.offers, ({ offerId }) => offerId === 1, { redis: { capacity: 2, held: 1, sold: 1 } }),
    /offer 1: 1 units are still held/,
  ],
  [
    'sums that differ',
    ({ end }) => change(end.offers, ({ offerId }) => offerId === 1, { taken: 2 }),
    /offer 1: Postgres has taken 2, the orders are 1/,
  ],
  [
    'a member who does not get the limit back',
    ({ end }) =>
      change(end.offers, ({ offerId }) => offerId === 1, {
        members: new Map([
          ['member-bought', 1],
          ['member-expired', 1],
        ]),
      }),
    /offer 1: member-expired has 0 units and Redis counts 1/,
  ],
  [
    'a name that is kept for nobody',
    ({ end }) =>
      change(end.offers, ({ offerId }) => offerId === 2, { namesInRedis: new Map([['A1', 'seated']]) }),
    /offer 2: A2 is seated's and kept for nobody, by Redis/,
  ],
  [
    'a coupon that was told and is lost',
    ({ history, end }) => {
      end.offers.push({ ...(end.offers[0] as OfferEnd), offerId: 3, title: 'coupon', isCoupon: true });
      history.calls.push({
        ...{ wish: 'issue', member: 'somebody', offerId: 3, key: 'coupon', began: 1, ended: 2 },
        ...{ status: 202, code: 'issued' },
      });
    },
    /coupon: that of somebody is lost/,
  ],
  [
    'an answer that is an error',
    (told) => void told.history.calls.push(call(told, 'bought', { wish: 'read', status: 500 })),
    /member-bought was answered 500 to read/,
  ],
  [
    'entries that nobody wrote down',
    ({ end }) => {
      end.left = { ...end.left, outbox: 3 };
    },
    /3 left over: outbox/,
  ],
];

describe('the judge of orders', () => {
  it('has nothing to say of a sound history', () => {
    const { history, end } = sound();
    expect(judgeOrders(history satisfies History, end)).toEqual([]);
  });

  it.each(broken)('notices %s', (_what, breakIt, expected) => {
    const told = sound();
    breakIt(told);
    expect(judgeOrders(told.history, told.end).join('\n')).toMatch(expected);
  });
});
