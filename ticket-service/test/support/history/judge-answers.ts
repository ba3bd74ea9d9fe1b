import { type Call, type End, type History, holdsUnits, type OrderEnd } from './history.ts';
import { type Claim, judgeClaims } from './judge-claims.ts';

/** Holds every answer against what is there in the end, and the answers against each other. */
export function judgeAnswers({ calls }: History, end: End): readonly string[] {
  const kept = new Map(end.orders.map((order) => [order.orderId, order]));
  const ofOrder = Map.groupBy(
    calls.filter((call) => orderOf(call) !== undefined),
    (call) => orderOf(call) as string,
  );
  return [
    ...doubled(calls, end),
    ...[...ofOrder].flatMap(([orderId, heard]) => judgeOrder(orderId, heard, kept.get(orderId))),
    ...judgeClaims(sureClaims(ofOrder, kept), end.offers, 'promised'),
    ...calls
      .filter(({ status = 0 }) => status >= 500 && status !== 503)
      .map(({ member, wish, status }) => `${member} was answered ${status} to ${wish}`),
    ...judgeCoupons(calls, end),
  ];
}

const orderOf = ({ told, orderId }: Call): string | undefined => told?.orderId ?? orderId;

/** One key, one order; and none that nobody asked for. */
function doubled(calls: readonly Call[], { orders }: End): readonly string[] {
  const named = new Map<string, Set<string>>();
  for (const { key, member, offerId, told } of calls) {
    const of = `${member} ${offerId} ${key}`;
    if (!named.has(of)) named.set(of, new Set());
    if (told !== undefined) named.get(of)?.add(told.orderId);
  }
  const unasked: string[] = [];
  for (const { orderId, memberId, offerId, key } of orders) {
    const found = named.get(`${memberId} ${offerId} ${key}`);
    if (found === undefined) unasked.push(`order ${orderId} of ${memberId} was never asked for`);
    else found.add(orderId);
  }
  const twice = [...named]
    .filter(([, { size }]) => size > 1)
    .map(([of, found]) => `the key ${of} made ${found.size} orders: ${[...found].join(', ')}`);
  return [...twice, ...unasked];
}

function judgeOrder(orderId: string, heard: readonly Call[], order: OrderEnd | undefined): readonly string[] {
  if (order === undefined) return [`order ${orderId} was accepted and is lost`];
  const found: string[] = [];
  const { state } = order;
  if (state === 'RESERVED' || state === 'PAYING') found.push(`order ${orderId} is still ${state}`);
  const isGivenBack = heard.some(({ wish }) => wish === 'cancel');
  const versions = new Map<number, string>();
  for (const { told, wish, member, status, code } of heard) {
    if (status === 404 || code === 'hold-lost')
      found.push(`order ${orderId} was accepted and ${member} was told that there is none (${code})`);
    if (code === 'payment-declined' && state !== 'CANCELLED')
      found.push(`order ${orderId} is ${state}, its member was told that the payment was declined`);
    if (code === 'hold-expired' && state !== 'EXPIRED' && !(state === 'CANCELLED' && isGivenBack))
      found.push(`order ${orderId} is ${state}, its member was told that the hold ran out (${wish})`);
    if (told === undefined) continue;
    if (member !== order.memberId) found.push(`order ${orderId} of ${order.memberId} was told to ${member}`);
    if (told.units !== order.units || told.amountMinor !== order.amountMinor)
      found.push(`order ${orderId} has other units or another price than its member was told`);
    if (told.version > order.version)
      found.push(`order ${orderId} is at version ${order.version}, its member was told ${told.version}`);
    if ((versions.get(told.version) ?? told.state) !== told.state)
      found.push(`order ${orderId} was told as two states of version ${told.version}`);
    versions.set(told.version, told.state);
    if (!holdsUnits(told.state) && told.state !== state)
      found.push(`order ${orderId} is ${state}, its member was told ${told.state}`);
    if (told.state === 'COMPLETED' && state !== 'COMPLETED' && !(state === 'CANCELLED' && isGivenBack))
      found.push(`order ${orderId} is ${state}, its member was told COMPLETED and did not give it back`);
  }
  return found;
}

/**
 * Units that somebody surely had: from the answer until the hold that was promised ran out, or the first call that
 * could give them back began; of an order that is kept, for ever.
 */
function sureClaims(
  ofOrder: ReadonlyMap<string, readonly Call[]>,
  kept: ReadonlyMap<string, OrderEnd>,
): readonly Claim[] {
  return [...ofOrder].flatMap(([orderId, heard]) => {
    const order = kept.get(orderId);
    const first = heard.find(({ told }) => told !== undefined && holdsUnits(told.state));
    if (order === undefined || first?.told === undefined) return [];
    const { units, holdUntil } = first.told;
    const risks = heard.filter(({ wish }) => wish === 'pay' || wish === 'cancel').map(({ began }) => began);
    const to = order.state === 'COMPLETED' ? Number.POSITIVE_INFINITY : Math.min(holdUntil, ...risks);
    return [{ offerId: order.offerId, orderId, units, from: first.ended, to }];
  });
}

/** A coupon that a member was told to have is there, and each member has one at most. */
function judgeCoupons(calls: readonly Call[], { offers, orders }: End): readonly string[] {
  return offers
    .filter(({ isCoupon }) => isCoupon)
    .flatMap(({ offerId, title }) => {
      const has = Map.groupBy(
        orders.filter((order) => order.offerId === offerId),
        ({ memberId }) => memberId,
      );
      const told = new Set(
        calls
          .filter((call) => call.offerId === offerId && (call.code === 'issued' || call.code === 'already'))
          .map(({ member }) => member),
      );
      return [
        ...[...told]
          .filter((member) => !has.has(member))
          .map((member) => `${title}: that of ${member} is lost`),
        ...[...has]
          .filter(([, issued]) => issued.length > 1)
          .map(([member, issued]) => `${title}: ${member} has ${issued.length} of them`),
      ];
    });
}
