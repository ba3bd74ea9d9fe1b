import type { Violations } from './admission-order.ts';
import type { Ledger } from './ledger.ts';
import type { Story } from './stories.ts';

/**
 * Holds what every visitor was told against what Postgres has, order by order: nothing that was answered is lost,
 * nothing is there twice, nothing is there that nobody ordered.
 */
export function compareOrders(stories: readonly Story[], { orders }: Ledger): Violations {
  const found: string[] = [];
  const kept = new Map(orders.map((order) => [order.orderId, order]));
  const told = new Map<string, Story>();
  for (const story of stories) {
    if (story.orderId === undefined) continue;
    if (told.has(story.orderId)) found.push(`order ${story.orderId} was given to two visitors`);
    told.set(story.orderId, story);
    const order = kept.get(story.orderId);
    const expected = expectedState[story.outcome];
    if (order === undefined) found.push(`order ${story.orderId} (${story.outcome}) is lost`);
    else if (expected !== undefined && order.state !== expected) {
      found.push(`order ${story.orderId} is ${order.state}, its visitor was told ${story.outcome}`);
    } else if (order.memberId !== `testuser${story.visitor}`) {
      found.push(`order ${story.orderId} of testuser${story.visitor} is kept for ${order.memberId}`);
    }
  }
  const members = new Set<string>();
  for (const { orderId, memberId } of orders) {
    if (!told.has(orderId)) found.push(`order ${orderId} of ${memberId} was told to nobody`);
    if (members.has(memberId)) found.push(`${memberId} has more than one order`);
    members.add(memberId);
  }
  return found;
}

/** A visitor without an answer says nothing about the order. */
const expectedState: Record<Story['outcome'], string | undefined> = {
  completed: 'COMPLETED',
  declined: 'CANCELLED',
  'sold-out': undefined,
  'all-held': undefined,
  'told-sold-out': undefined,
  unanswered: undefined,
};

/** Money: a COMPLETED order was paid exactly once, no other order was. */
export function comparePayments({ orders, payments }: Ledger): Violations {
  const paid = new Map<string, number>();
  for (const { orderId, state } of payments) {
    if (state === 'paid') paid.set(orderId, (paid.get(orderId) ?? 0) + 1);
  }
  return orders.flatMap(({ orderId, state }) => {
    const times = paid.get(orderId) ?? 0;
    if (times === (state === 'COMPLETED' ? 1 : 0)) return [];
    return [`order ${orderId} is ${state} and was paid ${times} times`];
  });
}

export function completedUnits({ orders }: Ledger): number {
  return orders.reduce((sum, { state, quantity }) => sum + (state === 'COMPLETED' ? quantity : 0), 0);
}
