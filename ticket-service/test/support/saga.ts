import { createLog } from '@ropeline/core/log.ts';
import type { ChargeOutcome, PaymentProvider } from '@ropeline/core/payments/provider.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { connectRedis, untilReady } from '@ropeline/core/redis/connect.ts';
import type { Repeated } from '@ropeline/core/repeat.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { Inventory } from '../../src/inventory/inventory.ts';
import { StockGate } from '../../src/inventory/stock-gate.ts';
import { OrderLookup } from '../../src/orders/order-lookup.ts';
import { OrderRows } from '../../src/orders/order-rows.ts';
import { OrderSaga } from '../../src/orders/order-saga.ts';
import { StockOrders } from '../../src/orders/stock-orders.ts';
import { type Begun, PaymentRows } from '../../src/payments/payment-rows.ts';
import { settlePayments } from '../../src/payments/settler.ts';
import type { Shop } from './shop.ts';

export type OneOfMany = {
  readonly saga: OrderSaga;
  readonly find: (orderId: string) => Promise<OrderRecord>;
  /** Settles what nobody waits for any more, until it is stopped. */
  readonly settle: () => Repeated;
};

type Options = {
  /** Orders can be moved but not read: as when Redis dies after a move. */
  readonly blind?: boolean;
  /** Happens when an order is PAYING, before its payment is written. */
  readonly beforePayment?: () => Promise<void>;
};

/** The saga of another ticket service process of the same shop. */
export async function anotherSaga(
  { running, pool }: Shop,
  provider: PaymentProvider,
  { blind = false, beforePayment = async () => undefined }: Options = {},
): Promise<OneOfMany> {
  const log = createLog('test', 'silent');
  const connect = () =>
    cleanedUp(connectRedis(running.redisUrl, { name: 'test', log }), (it) => it.disconnect());
  const open = async () => {
    const [redis, subscriber] = [connect(), connect()];
    await untilReady(redis);
    const gate = cleanedUp(
      new StockGate({ redis, postgres: pool, log, relaxed: true, prepare: async () => undefined }),
      (it) => it.stop(),
    );
    await gate.start();
    return { redis, orders: new StockOrders(new Inventory({ gate, subscriber, log, offers: () => [] })) };
  };
  const { orders } = await open();
  const reading = await open();
  if (blind) reading.redis.disconnect();
  const lookup = new OrderLookup(reading.orders, new OrderRows(pool));
  const payments = new HeldUpPayments(pool, beforePayment);
  const saga = new OrderSaga({ orders, lookup, payments, provider, log });
  return {
    saga,
    settle: () => settlePayments({ payments, lookup, saga, log }),
    find: async (orderId) => {
      const found = await lookup.find(orderId);
      if (found === undefined) throw new Error(`there is no order ${orderId}`);
      return found.order;
    },
  };
}

class HeldUpPayments extends PaymentRows {
  readonly #beforePayment: () => Promise<void>;

  constructor(pool: Pool, beforePayment: () => Promise<void>) {
    super(pool);
    this.#beforePayment = beforePayment;
  }

  override async begin(...payment: Parameters<PaymentRows['begin']>): Promise<Begun> {
    await this.#beforePayment();
    return super.begin(...payment);
  }
}

/** A provider whose every call waits for the test to decide. */
export function slowProvider(): PaymentProvider & {
  /** Answers a call, counted from 1, once it has come. */
  readonly answer: (call: number, kind: ChargeOutcome['kind']) => Promise<void>;
  readonly called: (times: number) => Promise<unknown>;
} {
  const calls: ((outcome: ChargeOutcome) => void)[] = [];
  const called = (times: number) => until(() => calls.length >= times);
  return {
    needsMethod: false,
    charge: () => new Promise((resolve) => calls.push(resolve)),
    find: async () => ({ kind: 'unknown' }),
    refund: async () => ({ kind: 'unknown' }),
    findRefund: async () => ({ kind: 'unknown' }),
    close: async () => undefined,
    called,
    async answer(call, kind) {
      await called(call);
      calls[call - 1]?.({ kind });
    },
  };
}
