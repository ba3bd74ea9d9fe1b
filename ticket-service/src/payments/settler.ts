import type { Logger } from '@ropeline/core/log.ts';
import { type Repeated, repeat } from '@ropeline/core/repeat.ts';
import { sideBySide } from '@ropeline/core/side-by-side.ts';
import type { OrderLookup } from '../orders/order-lookup.ts';
import type { OrderSaga } from '../orders/order-saga.ts';
import type { PaymentRows } from './payment-rows.ts';

type Parts = {
  readonly payments: PaymentRows;
  readonly lookup: OrderLookup;
  readonly saga: OrderSaga;
  readonly log: Logger;
  readonly everyMs?: number;
};

const mostAtOnce = 20;

/**
 * Settles what nobody waits for any more: payments whose outcome is not known, and orders that are PAYING though
 * their payer died. Each is asked for again by the saga, with the same attempt, until the provider has answered: side
 * by side, so that one that hangs holds up none of the others. Any number of services may do so: a payment that one of
 * them takes up is left alone by the others for a while.
 */
export function settlePayments({ payments, lookup, saga, log, everyMs = 1_000 }: Parts): Repeated {
  return repeat('payments', everyMs, log, async () => {
    const due = new Set(await payments.takeUnsettled(mostAtOnce));
    await sideBySide([...due], async (orderId) => {
      const found = await lookup.findToChange(orderId);
      if (found === undefined) return;
      const { kind } = await saga.settle(found.order);
      log.debug({ correlationId: orderId, outcome: kind }, 'payment asked for again');
    });
  });
}
