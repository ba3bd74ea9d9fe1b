import type { EventType } from '@ropeline/core/events/catalogue.ts';
import type { EventConsumer } from '@ropeline/core/events/consume-events.ts';

/** After each of these the money of an order may be of no use to it any more. */
const telling: ReadonlySet<EventType> = new Set([
  'payment.paid',
  'order.completed',
  'order.cancelled',
  'order.expired',
]);

/**
 * Money that was taken for an order which is over, or by another attempt than the one that completed it, goes back.
 * Whoever brings an order to its end says so himself, and may die before he does. Payment and order change in
 * transactions of their own: the later one's event is read when both are there.
 */
export const owedRefunds: EventConsumer = {
  name: 'owed-refunds',
  async apply(client, events) {
    const orders = events.filter(({ type }) => telling.has(type)).map(({ correlationId }) => correlationId);
    if (orders.length === 0) return;
    await client.query(
      `update payments set state = 'refund-due', updated_at = now(), tries = 0, next_try_at = now()
       from orders
       where orders.order_id = any($1::uuid[]) and payments.order_id = orders.order_id and payments.state = 'paid'
         and (orders.state in ('CANCELLED', 'EXPIRED')
           or (orders.state = 'COMPLETED' and orders.attempt <> payments.attempt))`,
      [[...new Set(orders)]],
    );
  },
};
