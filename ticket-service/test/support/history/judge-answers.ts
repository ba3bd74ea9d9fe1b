import { type Call, type End, type History, holdsUnits, namesIn, type OrderEnd } from './history.ts';

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
    ...overlaps(ofOrder, kept, end),
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

type Claim = { readonly orderId: string; readonly from: number; readonly to: number; readonly units: string };

/**
 * Units that somebody surely had: from the answer until the hold that was promised ran out, or the first call that
 * could give them back began; of an order that is kept, for ever.
 */
function overlaps(
  ofOrder: ReadonlyMap<string, readonly Call[]>,
  kept: ReadonlyMap<string, OrderEnd>,
  { offers }: End,
): readonly string[] {
  const claims = [...ofOrder].flatMap(([orderId, heard]) => {
    const order = kept.get(orderId);
    const first = heard.filter(({ told }) => told !== undefined && holdsUnits(told.state)).at(0);
    if (order === undefined || first?.told === undefined) return [];
    const { units, holdUntil } = first.told;
    const risks = heard.filter(({ wish }) => wish === 'pay' || wish === 'cancel').map(({ began }) => began);
    const to = order.state === 'COMPLETED' ? Number.POSITIVE_INFINITY : Math.min(holdUntil, ...risks);
    return to <= first.ended ? [] : [{ offerId: order.offerId, orderId, from: first.ended, to, units }];
  });
  return offers.flatMap(({ offerId, title, capacity }) => {
    const here = claims.filter((claim) => claim.offerId === offerId);
    return [...mostAtOnce(here, capacity, title), ...sharedNames(here, title)];
  });
}

function mostAtOnce(claims: readonly Claim[], capacity: number, title: string): readonly string[] {
  const changes = claims.flatMap(({ from, to, units }) => {
    const count = namesIn(units).length || Number(units);
    return [
      { at: from, count },
      { at: to, count: -count },
    ];
  });
  changes.sort((a, b) => a.at - b.at || a.count - b.count);
  let now = 0;
  let most = 0;
  for (const { count } of changes) {
    now += count;
    most = Math.max(most, now);
  }
  return most > capacity ? [`${title}: members were promised ${most} of ${capacity} units at one time`] : [];
}

function sharedNames(claims: readonly Claim[], title: string): readonly string[] {
  const ofName = Map.groupBy(
    claims.flatMap((claim) => namesIn(claim.units).map((name) => ({ name, ...claim }))),
    ({ name }) => name,
  );
  return [...ofName].flatMap(([name, owners]) => {
    const inTime = [...owners].sort((a, b) => a.from - b.from);
    return inTime.flatMap((owner, at) => {
      const before = inTime[at - 1];
      if (before === undefined || before.to <= owner.from) return [];
      return [`${title}: ${name} was promised to ${before.orderId} and to ${owner.orderId} at one time`];
    });
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
