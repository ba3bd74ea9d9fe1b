import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { newOrderId } from '../../src/stock/order-id.ts';
import type { OrderRecord } from '../../src/stock/order-record.ts';
import type { StockClient } from '../../src/stock/stock-client.ts';
import { counts, prepare, randomFrom, reserve, startStock } from '../support/stock.ts';
import { begin, cancel, complete, expire, readOrder, readOutbox, release } from '../support/stock-moves.ts';

const capacity = 40;

it('never oversells and never loses a unit, whoever interferes with whom', async () => {
  const test = cleanedUp(await startStock(), (it) => it.stop());
  const { stock } = test;
  await prepare(stock, 1, capacity);
  const orders: string[] = [];
  const clients = await Promise.all(Array.from({ length: 8 }, () => test.another()));
  const watcher = await test.another();
  let racing = true;

  const watched = (async () => {
    let looks = 0;
    for (; racing; looks += 1) {
      const [all = 0, held = -1, sold = -1] = await counts(watcher);
      expect(held).toBeGreaterThanOrEqual(0);
      expect(sold).toBeGreaterThanOrEqual(0);
      expect(held + sold).toBeLessThanOrEqual(all);
    }
    return looks;
  })();

  const moved = await Promise.all(clients.map((client, at) => interfere(client, randomFrom(at + 1), orders)));
  racing = false;
  expect(await watched).toBeGreaterThan(100);
  expect(moved.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(200);

  const ends = await Promise.all(orders.map((orderId) => readOrder(stock, orderId)));
  const sum = (states: readonly string[]): number =>
    ends.reduce((units, order) => units + (order && states.includes(order.state) ? order.quantity : 0), 0);
  expect(await counts(stock)).toEqual([capacity, sum(['RESERVED', 'PAYING']), sum(['COMPLETED'])]);
  replay(await readOutbox(stock));
});

/** Reserves, and moves its own and the others' orders about. Returns how many moves took effect. */
async function interfere(
  stock: StockClient,
  random: (below: number) => number,
  orders: string[],
): Promise<number> {
  let moves = 0;
  for (let step = 0; step < 500; step += 1) {
    if (orders.length === 0 || random(4) === 0) {
      const batch = Array.from({ length: 1 + random(3) }, () => ({
        orderId: newOrderId(0),
        quantity: 1 + random(3),
        holdMs: random(3) === 0 ? 1 : 60_000,
      }));
      const replies = await reserve(stock, batch);
      for (const { code, orderId } of replies) if (code === 1) orders.push(orderId);
      continue;
    }
    const orderId = orders[Math.max(0, orders.length - 1 - random(30))] as string;
    const attempt = 1 + random(2);
    const codes = await Promise.all([
      random(2) === 0 ? begin(stock, orderId) : expire(stock, orderId),
      [
        () => complete(stock, orderId, attempt),
        () => cancel(stock, orderId, random(2) * attempt),
        () => release(stock, orderId, attempt, 0),
        () => begin(stock, orderId),
      ][random(4)]?.(),
    ]);
    moves += codes.filter((code) => code === 1).length;
  }
  return moves;
}

/** The outbox, in its order, never takes more units than there are: what Postgres will be told. */
function replay(entries: readonly OrderRecord[]): void {
  const units = new Map<string, number>();
  const versions = new Map<string, number>();
  let taken = 0;
  for (const { orderId, version, state, quantity } of entries) {
    expect(version).toBe((versions.get(orderId) ?? 0) + 1);
    versions.set(orderId, version);
    const now = state === 'CANCELLED' || state === 'EXPIRED' ? 0 : quantity;
    taken += now - (units.get(orderId) ?? 0);
    units.set(orderId, now);
    expect(taken).toBeLessThanOrEqual(capacity);
  }
}
