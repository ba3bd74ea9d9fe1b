import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { comparePayments, completedUnits } from '../loadtest/check/books.ts';
import { type Ledger, readLedger } from '../loadtest/check/ledger.ts';
import type { RoomWatch } from '../loadtest/check/room-watch.ts';
import { inParallel } from '../testing/in-parallel.ts';
import { until } from '../testing/until.ts';
import type { Answer } from './support/call.ts';
import { killService, type Service } from './support/kill-service.ts';
import { Shopper } from './support/shopper.ts';
import { useRopeline } from './support/use-ropeline.ts';
import { watchDemo } from './support/watch-demo.ts';

const ropeline = useRopeline({ ENTRY_REQUIRED: 'false', HOLD_SECONDS: '3600' });
const members = 12;
const victims: readonly Service[] = [
  'workers',
  'payment-simulator',
  'ticket-service',
  'stock-redis',
  'postgres',
];

/** What a member was told last of an order. */
type Told = { readonly orderId: string; readonly state: 'RESERVED' | 'PAYING' | 'COMPLETED' | 'CANCELLED' };

/**
 * Members buy, one order after the other, while each process is killed once. They repeat what had no answer, with
 * the same key, as the protocol wants it.
 */
describe('a sale during which every process behind the gateway is killed', () => {
  let watch: RoomWatch;
  let ledger: Ledger;
  let stock: Awaited<ReturnType<RoomWatch['stock']>>;
  const told: Told[] = [];
  const errors: unknown[] = [];

  beforeAll(async () => {
    watch = await watchDemo(ropeline());
    const { ticket } = ropeline().addresses;
    const shoppers = await inParallel(4, numbered(members), (at) => Shopper.logIn(ticket, at + 1));
    let selling = true;
    const buying = shoppers.map(async (shopper, at) => {
      for (let round = at; selling; round += 1) await buy(shopper, round);
    });
    for (const one of buying) one.catch((error: unknown) => errors.push(error));
    for (const name of victims) {
      const before = told.length;
      await until(() => told.length > before + members || errors.length > 0);
      await killService(ropeline(), name);
    }
    const before = told.length;
    await until(() => told.length > before + members || errors.length > 0);
    selling = false;
    await Promise.allSettled(buying);
    // What was not known is settled meanwhile, one step after the other: until both tell of the same moment.
    await until(async () => {
      if ((await watch.sample()).outbox > 0) return false;
      ledger = await readLedger(ropeline().addresses.database, 1);
      stock = await watch.stock();
      return stock.held === unitsHeld(ledger) && stock.sold === completedUnits(ledger);
    }).catch(() => undefined);
    return () => watch.stop();
  });

  test('gives every request an answer in the end', () => {
    expect(errors.map(String)).toEqual([]);
    expect(told.length).toBeGreaterThan(victims.length * members);
    expect(new Set(told.map(({ orderId }) => orderId)).size).toBe(told.length);
    // At most what was under way when the ticket service, the provider or a store under them died.
    const unknown = told.filter(({ state }) => state === 'PAYING').length;
    expect(unknown).toBeLessThanOrEqual(members * victims.length);
    expect(told.filter(({ state }) => state === 'COMPLETED').length).toBeGreaterThan(unknown);
  });

  test('keeps every order once, in the state that its member was told', () => {
    const kept = new Map(ledger.orders.map(({ orderId, state }) => [orderId, state]));
    // A payment that was not known then may be by now.
    const ends = (state: Told['state']) => (state === 'PAYING' ? [state, 'COMPLETED'] : [state]);
    expect(told.filter(({ orderId, state }) => !ends(state).includes(kept.get(orderId) ?? ''))).toEqual([]);
    expect(kept.size).toBe(told.length);
    expect(ledger.deadLetters).toBe(0);
  });

  test('charges every completed order once and no other', () => {
    const orders = ledger.orders.filter(({ state }) => state !== 'PAYING');
    expect(comparePayments({ ...ledger, orders })).toEqual([]);
  });

  test('counts the same in Redis and in Postgres', () => {
    const [held, sold] = [unitsHeld(ledger), completedUnits(ledger)];
    expect(stock).toEqual({ capacity: 1_000, held, sold });
    expect(ledger.taken).toBe(sold + held);
  });

  /** Every third order is paid, every third left as it is, the others are cancelled: all, when tickets run low. */
  async function buy(shopper: Shopper, round: number): Promise<void> {
    const key = randomUUID();
    const order = await insist(() => shopper.order(1, key));
    if (order.status !== 201 && order.status !== 200) throw new Error(`order: ${order.status} ${order.text}`);
    const orderId = String(order.body['orderId']);
    const kept = told.filter(({ state }) => state !== 'CANCELLED').length;
    const wish = kept < 700 ? round % 3 : 2;
    if (wish === 0) {
      const paid = await insist(() => shopper.pay(orderId));
      if (paid.status !== 200 && paid.status !== 202) throw new Error(`pay: ${paid.status} ${paid.text}`);
      told.push({ orderId, state: paid.status === 200 ? 'COMPLETED' : 'PAYING' });
    } else if (wish === 2) {
      const cancelled = await insist(() => shopper.cancel(orderId));
      if (cancelled.status !== 200) throw new Error(`cancel: ${cancelled.status} ${cancelled.text}`);
      told.push({ orderId, state: 'CANCELLED' });
    } else {
      told.push({ orderId, state: 'RESERVED' });
    }
  }
});

/**
 * Repeats a safe request until it has an answer that is not "later". A payment whose process died under it stays
 * PAYING until another may step in, a minute at most: "not known yet" is an answer when it comes again and again.
 */
async function insist(ask: () => Promise<Answer>): Promise<Answer> {
  let last: Answer | undefined;
  let unknown = 0;
  try {
    return await until(async () => {
      last = await ask();
      if (last.status === 202) unknown += 1;
      if (last.status !== 503 && (last.status !== 202 || unknown > 20)) return last;
      await delay(100);
      return undefined;
    }, 120_000);
  } catch (cause) {
    throw new Error(`asked for two minutes, the last answer: ${last?.status} ${last?.text}`, { cause });
  }
}

function unitsHeld({ orders }: Ledger): number {
  const held = orders.filter(({ state }) => state === 'RESERVED' || state === 'PAYING');
  return held.reduce((sum, { quantity }) => sum + quantity, 0);
}

function numbered(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at);
}
