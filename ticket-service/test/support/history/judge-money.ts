import type { End, LedgerLine, OrderEnd, PaymentEnd } from './history.ts';

/** The provider's ledger against orders and payments. */
export function judgeMoney({ orders, payments, ledger }: End): readonly string[] {
  const charges = Map.groupBy(ledger, ({ reference }) => reference);
  const known = new Map(orders.map((order) => [order.orderId, order]));
  const attempts = Map.groupBy(charges.keys(), orderIn);
  const rows = new Map(payments.map((payment) => [payment.reference, payment]));
  return [
    ...[...charges].flatMap(([reference, lines]) =>
      judgeCharge(reference, lines, known.get(orderIn(reference))),
    ),
    ...orders.flatMap((order) => judgeKept(order, attempts.get(order.orderId) ?? [], charges)),
    ...payments.flatMap((payment) => judgePayment(payment, charges.get(payment.reference))),
    ...[...charges.keys()]
      .filter((reference) => !rows.has(reference))
      .map((reference) => `${reference} was charged without a payment`),
  ];
}

/** A reference is `order:attempt`. */
const orderIn = (reference: string): string => reference.slice(0, reference.indexOf(':'));

function judgeCharge(
  reference: string,
  lines: readonly LedgerLine[],
  order: OrderEnd | undefined,
): readonly string[] {
  const count = (state: LedgerLine['state']) => lines.filter((line) => line.state === state).length;
  const [paid, declined, refunded] = [count('paid'), count('declined'), count('refunded')];
  const found: string[] = [];
  if (order === undefined) found.push(`${reference} was charged and there is no such order`);
  if (paid + declined > 1) found.push(`${reference} was charged ${paid + declined} times`);
  if (refunded > 1) found.push(`${reference} was refunded ${refunded} times`);
  if (refunded > paid) found.push(`${reference} was refunded and not paid`);
  if (order !== undefined && lines.some(({ amountMinor }) => amountMinor !== order.amountMinor))
    found.push(`${reference} was charged with another amount than ${order.amountMinor}`);
  return found;
}

function judgeKept(
  { orderId, state, amountMinor }: OrderEnd,
  references: readonly string[],
  charges: ReadonlyMap<string, readonly LedgerLine[]>,
): readonly string[] {
  const sign = { paid: 1, refunded: -1, declined: 0 } as const;
  const kept = references
    .flatMap((reference) => charges.get(reference) ?? [])
    .reduce((sum, line) => sum + sign[line.state] * line.amountMinor, 0);
  // A coupon costs nothing, so nobody is asked for money.
  const due = state === 'COMPLETED' ? amountMinor : 0;
  return kept === due ? [] : [`order ${orderId} is ${state}: the provider keeps ${kept} and ${due} is due`];
}

function judgePayment(
  { reference, state }: PaymentEnd,
  lines: readonly LedgerLine[] | undefined,
): readonly string[] {
  const last = lines?.at(-1)?.state;
  switch (state) {
    case 'paid':
    case 'refunded':
      return last === state ? [] : [`payment ${reference} is ${state}, the provider has it as ${last}`];
    case 'declined':
      // Without a charge: the provider was certainly not reached.
      return last === undefined || last === 'declined'
        ? []
        : [`payment ${reference} is declined, the provider has it as ${last}`];
    default:
      return [`payment ${reference} is still ${state}`];
  }
}
