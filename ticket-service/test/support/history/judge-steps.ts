import { type End, holdsUnits, namesIn, type State, type Step } from './history.ts';

/** What may follow a state; nothing follows the others. */
const next: Partial<Record<State, readonly State[]>> = {
  RESERVED: ['PAYING', 'CANCELLED', 'EXPIRED'],
  PAYING: ['COMPLETED', 'CANCELLED', 'RESERVED'],
  COMPLETED: ['CANCELLED'],
};

/** Every order went only where it may, no version is missing, and at no moment was more taken than there is. */
export function judgeSteps(end: End): readonly string[] {
  const ofOrder = Map.groupBy(end.steps, ({ orderId }) => orderId);
  const ways = end.orders.flatMap(({ orderId, version, state }) => {
    const steps = [...(ofOrder.get(orderId) ?? [])].sort((a, b) => a.version - b.version);
    const last = steps.at(-1);
    if (last === undefined) return [`order ${orderId} is there and no step of it was told`];
    return [
      ...judgeWay(orderId, steps),
      ...(last.version === version && last.state === state
        ? []
        : [`order ${orderId} is ${state} (version ${version}) and came to ${last.state} (${last.version})`]),
    ];
  });
  const known = new Set(end.orders.map(({ orderId }) => orderId));
  const lost = [...ofOrder.keys()].filter((orderId) => !known.has(orderId));
  return [...ways, ...lost.map((orderId) => `order ${orderId} was told of and is lost`), ...replay(end)];
}

function judgeWay(orderId: string, steps: readonly Step[]): readonly string[] {
  return steps.flatMap(({ version, state }, at) => {
    const before = steps[at - 1];
    if (version !== (before?.version ?? 0) + 1)
      return [`order ${orderId}: a step is missing before version ${version} (${state})`];
    if (before === undefined)
      return state === 'RESERVED' || state === 'COMPLETED' ? [] : [`order ${orderId} began as ${state}`];
    return next[before.state]?.includes(state)
      ? []
      : [`order ${orderId} went from ${before.state} to ${state}`];
  });
}

/** By the clock of Redis; of one millisecond what comes free is counted first. */
function replay({ steps, offers }: End): readonly string[] {
  const held = new Map<string, boolean>();
  const found: string[] = [];
  const taken = new Map(offers.map(({ offerId }) => [offerId, 0]));
  const owners = new Map<string, string>();
  const capacities = new Map(offers.map(({ offerId, capacity }) => [offerId, capacity]));
  const inTime = [...steps].sort(
    (a, b) =>
      a.at - b.at || Number(holdsUnits(a.state)) - Number(holdsUnits(b.state)) || a.version - b.version,
  );
  for (const { orderId, offerId, units, quantity, state } of inTime) {
    const holds = holdsUnits(state);
    if ((held.get(orderId) ?? false) === holds) continue;
    held.set(orderId, holds);
    const now = (taken.get(offerId) ?? 0) + (holds ? quantity : -quantity);
    taken.set(offerId, now);
    if (holds && now > (capacities.get(offerId) ?? 0))
      found.push(`offer ${offerId}: ${now} units were taken when ${orderId} was ${state}`);
    for (const name of namesIn(units)) {
      const unit = `${offerId} ${name}`;
      const owner = owners.get(unit);
      if (holds && owner !== undefined) found.push(`unit ${unit} of ${owner} was taken by ${orderId}`);
      if (holds) owners.set(unit, orderId);
      else if (owner === orderId) owners.delete(unit);
    }
  }
  return found;
}
