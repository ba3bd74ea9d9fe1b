import type { Charge, ChargeOutcome, PaymentProvider } from '@ropeline/core/payments/provider.ts';
import { expect, it } from 'vitest';
import { newSeed, pick, randomFrom } from '../../../gateway/test/support/random.ts';
import { until } from '../../../testing/until.ts';
import { anotherSaga } from '../support/saga.ts';
import { openShop } from '../support/shop.ts';

type Ledger = Map<string, 'paid' | 'declined'>;

/** Decides at random what a charge comes to and what its caller hears; a reference that is decided stays so. */
function fickleProvider(ledger: Ledger, random: () => number, settled: () => boolean): PaymentProvider {
  async function charge({ reference }: Charge): Promise<ChargeOutcome> {
    await turns(Math.floor(random() * 20));
    const known = ledger.get(reference);
    if (known === undefined) {
      const drawn = settled() ? 1 : random();
      if (drawn < 0.3) return { kind: 'error' };
      if (drawn < 0.4) return { kind: 'unknown' };
      ledger.set(reference, drawn < 0.55 ? 'declined' : 'paid');
    }
    await turns(Math.floor(random() * 20));
    return { kind: settled() || random() < 0.7 ? (ledger.get(reference) ?? 'unknown') : 'unknown' };
  }
  const find = async ({ reference }: Charge): Promise<ChargeOutcome> => ({
    kind: ledger.get(reference) ?? 'unknown',
  });
  return {
    needsMethod: false,
    charge,
    find,
    refund: async () => ({ kind: 'unknown' }),
    findRefund: async () => ({ kind: 'unknown' }),
    close: async () => undefined,
  };
}

/** Lets others go first, some times. */
async function turns(times: number): Promise<void> {
  for (let at = 0; at < times; at += 1) await new Promise((resolve) => setImmediate(resolve));
}

it('keeps money for completed orders and for no other, once each, whatever happens in any order', async () => {
  const seed = newSeed();
  const random = randomFrom(seed);
  const shop = await openShop({ SETTLE_PAYMENTS: 'false', HOLD_SECONDS: '3600' });
  const token = await shop.join();
  await shop.pool.query('update offers set capacity = 1000 where offer_id = 1');
  const ledger: Ledger = new Map();
  let settled = false;
  const provider = fickleProvider(ledger, random, () => settled);
  const services = await Promise.all([1, 2, 3].map(() => anotherSaga(shop, provider)));
  const orderIds = await Promise.all(
    Array.from({ length: 40 }, async () =>
      String((await shop.order(token, { offerId: 1, quantity: 1 })).body['orderId']),
    ),
  );
  const act = async (orderId: string): Promise<void> => {
    const service = pick(random, services);
    const order = await service.find(orderId);
    await turns(Math.floor(random() * 30));
    const drawn = random();
    if (drawn < 0.85) await service.saga.pay(order);
    else if (drawn < 0.87) await service.saga.cancel(order, true);
    // Whoever asked the provider was away for long: others may step in.
    else
      await shop.pool.query(
        "update payments set updated_at = now() - interval '1 minute' where order_id = $1",
        [orderId],
      );
  };
  for (let round = 0; round < 6; round += 1) {
    await Promise.all(orderIds.flatMap((orderId) => [act(orderId), act(orderId), act(orderId)]));
  }
  settled = true;
  for (const orderId of orderIds) {
    await until(async () => {
      await shop.pool.query(
        "update payments set updated_at = now() - interval '1 minute' where order_id = $1",
        [orderId],
      );
      const service = services[0];
      const order = await service?.find(orderId);
      // Of an attempt that failed the order is held again: it is paid now, too.
      if (order?.state !== 'PAYING' && order?.state !== 'RESERVED') return true;
      await service?.saga.pay(order);
      return false;
    });
  }
  for (const orderId of orderIds) {
    const { rows } = await shop.pool.query<{ state: string; reference: string }>(
      'select state, reference from payments where order_id = $1 order by attempt',
      [orderId],
    );
    const order = await services[0]?.find(orderId);
    const kept = rows.filter(
      ({ reference, state }) => ledger.get(reference) === 'paid' && state !== 'refund-due',
    );
    const story = JSON.stringify({
      seed,
      state: order?.state,
      rows,
      ledger: rows.map(({ reference }) => ledger.get(reference)),
    });
    expect(kept, story).toHaveLength(order?.state === 'COMPLETED' ? 1 : 0);
    expect(
      rows.filter(({ reference, state }) => state === 'refund-due' && ledger.get(reference) !== 'paid'),
      story,
    ).toEqual([]);
  }
  const states = await Promise.all(
    orderIds.map(async (orderId) => (await services[0]?.find(orderId))?.state),
  );
  expect(new Set(states), `SEED=${seed}`).toEqual(new Set(['COMPLETED', 'CANCELLED']));
});
