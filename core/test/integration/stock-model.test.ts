import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { newOrderId } from '../../src/stock/order-id.ts';
import { counts, prepare, randomFrom, reserve, startStock, type TestStock } from '../support/stock.ts';
import { StockModel, type Wanted } from '../support/stock-model.ts';
import { begin, cancel, complete, expire, readOrder, readOutbox, release } from '../support/stock-moves.ts';

const offers = [1, 2];
const members = ['a', 'b:c', 'd{e}', 'ü'];
const entries = ['', 'j1', 'j2'];

it.each([1, 2, 3, 4])(
  'does what a simple model says, whatever is asked in any order (seed %i)',
  async (seed) => {
    const test = cleanedUp(await startStock(), (it) => it.stop());
    const { stock } = test;
    const model = new StockModel();
    const random = randomFrom(seed);
    const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T;
    for (const offerId of offers) {
      const capacity = 4 + random(12);
      model.capacities.set(offerId, capacity);
      await prepare(stock, offerId, capacity);
    }

    for (let step = 0; step < 400; step += 1) {
      const known = [...model.orders.keys()];
      const what = known.length === 0 ? 0 : random(8);
      if (what <= 1) {
        await reserveSome();
      } else {
        const orderId = pick(known);
        const order = model.orders.get(orderId);
        if (order === undefined) throw new Error('no order');
        const attempt = Math.max(0, order.attempt - random(2));
        const label = `step ${step}: ${what} ${orderId} ${order.state}`;
        if (what === 2 || what === 3) expect(await begin(stock, orderId), label).toBe(model.begin(orderId));
        if (what === 4)
          expect(await release(stock, orderId, attempt, 0), label).toBe(model.release(orderId, attempt));
        if (what === 5) {
          const answer = await complete(stock, orderId, attempt, order.offerId);
          expect(answer, label).toBe(model.complete(orderId, attempt));
        }
        if (what === 6)
          expect(await cancel(stock, orderId, attempt, order), label).toBe(model.cancel(orderId, attempt));
        if (what === 7) expect(await expire(stock, orderId, order), label).toBe(model.expire(orderId));
      }
      for (const offerId of offers) {
        const wanted = [model.capacities.get(offerId), model.held(offerId), model.sold(offerId)];
        expect(await counts(stock, offerId), `step ${step}`).toEqual(wanted);
      }
    }
    await compareAll(test, model);

    async function reserveSome(): Promise<void> {
      const batch = Array.from({ length: 1 + random(4) }, (): Wanted => {
        const known = [...model.orders.keys()];
        return {
          orderId: known.length > 0 && random(10) === 0 ? pick(known) : newOrderId(0),
          offerId: pick(offers),
          memberId: pick(members),
          entry: pick(entries),
          key: random(3) === 0 ? `k${random(4)}` : '',
          bodyHash: `b${random(2)}`,
          quantity: 1 + random(4),
          holdMs: pick([0, 1, 600_000, 600_000]),
          memberLimit: pick([0, 0, 5]),
          entryLimit: pick([0, 4]),
        };
      });
      const replies = await reserve(stock, batch);
      expect(replies.map(({ code }) => code)).toEqual(batch.map((wanted) => model.reserve(wanted)));
      // The model knows no time: a short hold has run out before anything else happens.
      const latest = Math.max(
        0,
        ...replies.map(({ holdUntil }, at) => (batch[at]?.holdMs === 1 ? holdUntil : 0)),
      );
      await until(async () => redisNow(await stock.redis.time()) > latest);
    }
  },
);

/** Orders, counts and outbox tell one story. */
async function compareAll({ stock, keys }: TestStock, model: StockModel): Promise<void> {
  const versions = Map.groupBy(await readOutbox(stock), ({ orderId }) => orderId);
  expect(versions.size).toBe(model.orders.size);
  for (const [orderId, { state, version, attempt }] of model.orders) {
    const order = await readOrder(stock, orderId);
    expect(order).toMatchObject({ state, version, attempt });
    const told = versions.get(orderId) ?? [];
    expect(told.map((entry) => entry.version)).toEqual(Array.from({ length: version }, (_, at) => at + 1));
    expect(told.at(-1)).toEqual(order);
  }
  const held = [...model.orders].filter(([, { state }]) => state === 'RESERVED').map(([orderId]) => orderId);
  expect((await stock.redis.zrange(keys.holds, '0', '-1')).sort()).toEqual(held.sort());
  for (const offerId of offers) {
    for (const memberId of members) {
      const units = Number(await stock.redis.hget(keys.members(offerId), memberId));
      expect(units).toBe(model.ofMember(offerId, memberId));
    }
    for (const entry of entries.filter(Boolean)) {
      expect(Number(await stock.redis.get(keys.entryUnits(offerId, entry)))).toBe(
        model.ofEntry(offerId, entry),
      );
    }
  }
}

function redisNow([seconds, microseconds]: readonly (number | string)[]): number {
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
}
