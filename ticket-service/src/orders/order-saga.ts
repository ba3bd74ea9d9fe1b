import { AppError } from '@ropeline/core/errors.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { PaymentProvider } from '@ropeline/core/payments/provider.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';
import { lostPayerMs, type PaymentRows, paymentReference } from '../payments/payment-rows.ts';
import type { Found, OrderLookup } from './order-lookup.ts';
import type { CancelOutcome, PayOutcome } from './outcomes.ts';
import type { Move, Moved, StockOrders } from './stock-orders.ts';

type Parts = {
  readonly orders: StockOrders;
  readonly lookup: OrderLookup;
  readonly payments: PaymentRows;
  readonly provider: PaymentProvider;
  readonly log: Logger;
};

/** An order that is to be cancelled is looked at again so often, when Redis does not have it as it was read. */
const mostLooks = 3;

/**
 * An order from its reservation to its end.
 *
 * - RESERVED: units are held until `holdUntil`. `pay` brings it to PAYING if the hold still stands, `cancel` to
 *   CANCELLED; the workers bring it to EXPIRED when the hold runs out.
 * - PAYING: the hold cannot run out, for money may move. Left to COMPLETED (paid), CANCELLED (declined), or back to
 *   RESERVED when it is certain that the attempt charged nothing: its payment was not written, or the provider
 *   answered the attempt's first call so. To CANCELLED also when its money is on the way back already. Anything else
 *   stays PAYING until somebody asks again.
 * - COMPLETED: sold. `cancel` brings it to CANCELLED, and the payment is then `refund-due`.
 * - CANCELLED, EXPIRED: the units are free again. Final.
 *
 * Only `#move` changes a state, by a script of the stock that checks the state it leaves. An attempt (`order:attempt`
 * is the provider's key) is charged at most once, whoever sends it how often; a second click joins the attempt.
 */
export class OrderSaga {
  readonly #parts: Parts;
  readonly #paying = new Map<string, Promise<PayOutcome>>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * `order` must be the member's own; `method` is what is charged, of the click that begins the attempt. Throws when
   * Redis or Postgres is away; asking again is safe.
   */
  pay(order: OrderRecord, method?: string): Promise<PayOutcome> {
    const running = this.#paying.get(order.orderId);
    if (running !== undefined) return running;
    const paying = this.#pay(order, method).finally(() => this.#paying.delete(order.orderId));
    this.#paying.set(order.orderId, paying);
    return paying;
  }

  /**
   * Asks for the outcome of a payment on nobody's behalf: never begins one. Of an order that is over, whatever money
   * an attempt has taken is owed back.
   */
  async settle(order: OrderRecord): Promise<PayOutcome> {
    if (order.state === 'PAYING') return this.pay(order);
    const { payments, provider } = this.#parts;
    for (const { attempt, amountMinor, currency } of await payments.unsettled(order.orderId)) {
      const reference = paymentReference(order.orderId, attempt);
      // Only asked: a charge that was never made must not be made now.
      const { kind } = await provider.find({ reference, amountMinor, currency });
      if (kind === 'paid' || kind === 'declined') await this.conclude(order, attempt, kind);
    }
    return this.#standing(await this.#now(order));
  }

  /**
   * Brings the order where the provider's final word on an attempt says; for whoever hears it, at any time and as
   * often as they hear it.
   */
  async conclude(order: OrderRecord, attempt: number, word: 'paid' | 'declined'): Promise<PayOutcome> {
    const { payments, log } = this.#parts;
    const { orderId } = order;
    await payments.settle(orderId, attempt, word);
    await this.#move(
      order,
      word === 'paid' ? { to: 'COMPLETED', attempt } : { to: 'CANCELLED', uncharged: attempt },
    );
    const now = await this.#now(order);
    // Still under way: Redis does not have it now. The settler comes back to it.
    const isUnderWay = now.attempt === attempt && (now.state === 'PAYING' || now.state === 'COMPLETED');
    if (word === 'paid' && !isUnderWay) {
      log.warn(
        { correlationId: orderId, attempt, state: now.state },
        'paid for an order that cannot be completed: refund due',
      );
      // Only this attempt's money: a later attempt may have completed the order.
      await payments.owe(orderId, attempt);
    }
    return this.#standing(now);
  }

  /** Throws when Redis or Postgres is away; asking again is safe. */
  cancel(order: OrderRecord, inRedis: boolean): Promise<CancelOutcome> {
    return this.#cancel({ order, inRedis }, mostLooks);
  }

  async #cancel({ order, inRedis }: Found, looks: number): Promise<CancelOutcome> {
    const { lookup, payments } = this.#parts;
    const { orderId } = order;
    if (order.state === 'CANCELLED') {
      // Again, in case the first cancel died before it noted the refund.
      await payments.owe(orderId);
      return { kind: 'cancelled', order };
    }
    if (order.state === 'EXPIRED') return { kind: 'hold-expired' };
    if (!inRedis && order.state === 'COMPLETED') await lookup.putBackSold(orderId);
    const { kind, state } = await this.#move(order, { to: 'CANCELLED' });
    if (kind === 'gone') {
      // Forgotten since it was read, or not put back: whatever it is now, it is not what was read.
      const now = await lookup.findToChange(orderId);
      if (now === undefined || (!now.inRedis && isOpen(now.order))) return { kind: 'hold-lost' };
      if (looks === 0) throw new AppError('unavailable', { retryAfterSeconds: 1 });
      return this.#cancel(now, looks - 1);
    }
    if (kind === 'refused')
      return state === 'EXPIRED' ? { kind: 'hold-expired' } : { kind: 'wrong-state', state };
    if (order.state === 'COMPLETED' || state === 'COMPLETED') await payments.owe(orderId);
    return { kind: 'cancelled', order: await this.#now(order) };
  }

  async #pay(order: OrderRecord, method: string | undefined): Promise<PayOutcome> {
    if (order.state !== 'RESERVED' && order.state !== 'PAYING') return this.#standing(order);
    if (order.state === 'RESERVED' && method === undefined && this.#parts.provider.needsMethod) {
      return { kind: 'method-required' };
    }
    // Asked also of a Redis that does not have the order: it may have been emptied and not yet be built anew.
    const begun = await this.#move(order, { to: 'PAYING' });
    if (begun.kind === 'gone') return { kind: 'hold-lost' };
    if (begun.kind === 'expired') return { kind: 'hold-expired' };
    const now = await this.#now(order);
    // Read a moment later: somebody else may have finished this attempt, or begun another.
    if (begun.kind === 'refused' || now.state !== 'PAYING') return this.#standing(now);
    if (now.attempt !== begun.attempt) return { kind: 'paying', order: now };
    return this.#charge(now, method, begun);
  }

  /** Where an order stands, as an answer to whoever wanted to pay it. */
  async #standing(order: OrderRecord): Promise<PayOutcome> {
    const { state } = order;
    switch (state) {
      case 'COMPLETED':
        return { kind: 'completed', order };
      case 'PAYING':
        return { kind: 'paying', order };
      case 'RESERVED':
        return { kind: 'unavailable' };
      case 'EXPIRED':
        return { kind: 'hold-expired' };
      case 'CANCELLED': {
        const payment = await this.#parts.payments.find(order.orderId, order.attempt);
        const isDeclined = payment?.state === 'declined' && !payment.isUntried;
        return isDeclined ? { kind: 'declined' } : { kind: 'wrong-state', state };
      }
      default:
        return state satisfies never;
    }
  }

  async #charge(
    order: OrderRecord,
    method: string | undefined,
    { kind: moved, epoch }: Moved,
  ): Promise<PayOutcome> {
    const { payments, provider, log } = this.#parts;
    const { orderId, attempt, amountMinor, currency } = order;
    // This call began the attempt: nobody else has written its payment or asked the provider.
    const first = moved === 'moved';
    if (!first && !(await this.#mayStepIn(order))) return { kind: 'paying', order };
    const begun = await payments.begin(order, epoch, method);
    if (begun.kind === 'unknown') return { kind: 'paying', order };
    if (begun.kind === 'not-written') {
      log.warn({ correlationId: orderId, err: begun.error }, 'payment not written');
      return first ? this.#release(order) : { kind: 'paying', order };
    }
    const { row } = begun;
    if (row.isUntried) return this.#release(order);
    if (row.state === 'paid' || row.state === 'declined') return this.conclude(order, attempt, row.state);
    if (row.state === 'refund-due' || row.state === 'refunded') return this.#endRefunded(order);
    // Noted before asking again: from now on the failure of the first call proves nothing.
    if (!row.fresh && !(await payments.settle(orderId, attempt, 'unknown'))) return { kind: 'paying', order };
    const { kind, detail = kind } = await provider.charge({
      reference: paymentReference(orderId, attempt),
      amountMinor,
      currency,
      method: row.method,
      firstSentAt: row.fresh ? undefined : row.begunAt,
    });
    switch (kind) {
      case 'paid':
      case 'declined':
        return this.conclude(order, attempt, kind);
      case 'error':
        // Proves that nothing was charged only where nobody else has asked for this attempt.
        return row.fresh && (await payments.renounce(orderId, attempt, detail))
          ? this.#release(order)
          : { kind: 'paying', order };
      case 'unknown':
        await payments.settle(orderId, attempt, 'unknown');
        return { kind: 'paying', order };
      default:
        return kind satisfies never;
    }
  }

  /** Money goes back only of an order that was over: its end was lost with the stock Redis, and comes to be again. */
  async #endRefunded(order: OrderRecord): Promise<PayOutcome> {
    await this.#move(order, { to: 'CANCELLED', uncharged: order.attempt });
    return this.#standing(await this.#now(order));
  }

  async #release(order: OrderRecord): Promise<PayOutcome> {
    const { kind } = await this.#move(order, { to: 'RESERVED', attempt: order.attempt });
    if (kind === 'gone') return { kind: 'hold-lost' };
    return this.#standing(await this.#now(order));
  }

  /** An attempt that somebody else began: theirs to finish, until they have surely given up. */
  async #mayStepIn({ orderId, attempt, updatedAt }: OrderRecord): Promise<boolean> {
    const payment = await this.#parts.payments.find(orderId, attempt);
    if (payment === undefined) return Date.now() - updatedAt > lostPayerMs;
    return payment.state !== 'pending' || payment.ageMs > this.#parts.payments.othersCallMs;
  }

  /** As it is after a move: Redis has it then. Throws when Redis cannot be asked: Postgres may be versions behind. */
  async #now(order: OrderRecord): Promise<OrderRecord> {
    return (await this.#parts.lookup.findToChange(order.orderId))?.order ?? order;
  }

  async #move(order: OrderRecord, move: Move): Promise<Moved> {
    const moved = await this.#parts.orders.move(order, move);
    const { log } = this.#parts;
    log.debug({ correlationId: order.orderId, to: move.to, outcome: moved.kind }, 'order moved');
    return moved;
  }
}

const isOpen = ({ state }: OrderRecord): boolean => state === 'RESERVED' || state === 'PAYING';
