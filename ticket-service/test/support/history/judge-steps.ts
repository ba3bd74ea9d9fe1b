import { type End, holdsUnits, type State, type Step } from './history.ts';
import { type Claim, judgeClaims } from './judge-claims.ts';

/** What may follow a state; nothing follows the others. */
const next: Partial<Record<State, readonly State[]>> = {
  RESERVED: ['PAYING', 'CANCELLED', 'EXPIRED'],
  PAYING: ['COMPLETED', 'CANCELLED', 'RESERVED'],
  COMPLETED: ['CANCELLED'],
};

/** Every order went only where it may, no version is missing, and at no moment was more taken than there is. */
export function judgeSteps(end: End): readonly string[] {
  const ofOrder = Map.groupBy(
    [...end.steps].sort((a, b) => a.version - b.version),
    ({ orderId }) => orderId,
  );
  const ways = end.orders.flatMap(({ orderId, version, state }) => {
    const steps = ofOrder.get(orderId) ?? [];
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
  const taken = [...ofOrder].flatMap(([orderId, steps]) => takenFor(orderId, steps));
  return [
    ...ways,
    ...lost.map((orderId) => `order ${orderId} was told of and is lost`),
    ...judgeClaims(taken, end.offers, 'taken'),
  ];
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

/** By the clock of Redis, from the first step of an order to the one that gives its units back. */
function takenFor(orderId: string, steps: readonly Step[]): readonly Claim[] {
  const [first] = steps;
  if (first === undefined || !holdsUnits(first.state)) return [];
  const end = steps.find(({ state }) => !holdsUnits(state));
  const { offerId, units, at: from } = first;
  return [{ offerId, orderId, units, from, to: end?.at ?? Number.POSITIVE_INFINITY }];
}
