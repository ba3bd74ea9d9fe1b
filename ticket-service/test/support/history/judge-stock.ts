import { type End, holdsUnits, namesIn, type OfferEnd, type OrderEnd } from './history.ts';

/** Redis, Postgres and the sum of the orders agree, and nothing is held any more. */
export function judgeStock({ offers, orders, inRedis, left }: End): readonly string[] {
  const stored = new Map(orders.map((order) => [order.orderId, order]));
  return [
    ...offers.flatMap((offer) =>
      judgeOffer(
        offer,
        orders.filter(({ offerId, state }) => offerId === offer.offerId && holdsUnits(state)),
      ),
    ),
    ...inRedis.flatMap(({ orderId, version, state }) => {
      const row = stored.get(orderId);
      if (row === undefined) return [`order ${orderId} is ${state} in Redis and not in Postgres`];
      if (row.version === version && row.state === state) return [];
      return [
        `order ${orderId} is ${state} (${version}) in Redis, ${row.state} (${row.version}) in Postgres`,
      ];
    }),
    ...Object.entries(left).flatMap(([what, count]) => (count === 0 ? [] : [`${count} left over: ${what}`])),
  ];
}

function judgeOffer(offer: OfferEnd, taking: readonly OrderEnd[]): readonly string[] {
  const { title, capacity, taken, redis } = offer;
  const sum = taking.reduce((total, { quantity }) => total + quantity, 0);
  const found: string[] = [];
  if (sum > capacity) found.push(`${title}: ${sum} of ${capacity} units are sold`);
  if (redis.held !== 0) found.push(`${title}: ${redis.held} units are still held`);
  if (redis.sold !== sum) found.push(`${title}: Redis has sold ${redis.sold}, the orders are ${sum}`);
  if (taken !== sum) found.push(`${title}: Postgres has taken ${taken}, the orders are ${sum}`);
  if (redis.capacity !== capacity)
    found.push(`${title}: there are ${redis.capacity} units in Redis, ${capacity} in Postgres`);

  const owners = new Map<string, string>();
  for (const { orderId, units } of taking) {
    for (const name of namesIn(units)) {
      const other = owners.get(name);
      if (other !== undefined) found.push(`${title}: ${name} is sold to ${other} and to ${orderId}`);
      owners.set(name, orderId);
    }
  }
  found.push(...differences(owners, offer.namesInRedis).map((unit) => `${title}: ${unit}, by Redis`));
  found.push(...differences(owners, offer.namesInPostgres).map((unit) => `${title}: ${unit}, by Postgres`));

  const has = new Map<string, number>();
  for (const { memberId, quantity } of taking) has.set(memberId, (has.get(memberId) ?? 0) + quantity);
  for (const member of new Set([...has.keys(), ...offer.members.keys()])) {
    const counted = offer.members.get(member) ?? 0;
    const bought = has.get(member) ?? 0;
    if (counted !== bought) found.push(`${title}: ${member} has ${bought} units and Redis counts ${counted}`);
  }
  return found;
}

function differences(
  owners: ReadonlyMap<string, string>,
  kept: ReadonlyMap<string, string>,
): readonly string[] {
  return [...new Set([...owners.keys(), ...kept.keys()])].flatMap((name) => {
    const [sold, has] = [owners.get(name), kept.get(name)];
    return sold === has ? [] : [`${name} is ${sold ?? 'nobody'}'s and kept for ${has ?? 'nobody'}`];
  });
}
