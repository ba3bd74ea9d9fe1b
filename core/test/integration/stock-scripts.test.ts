import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../../../testing/until.ts';
import { definedScripts, loadScript } from '../../src/redis/script.ts';
import { expireDue, forgetPersisted } from '../../src/stock/holds.ts';
import { newOrderId, partitionOfOrder } from '../../src/stock/order-id.ts';
import { cutRange, trimRange } from '../../src/stock/outbox.ts';
import {
  bindEntry,
  cancelProduct,
  changeCapacity,
  confirmProduct,
  prepareOffer,
  reserveProduct,
  restoreOrder,
} from '../../src/stock/scripts.ts';
import { releasedChannel } from '../../src/stock/stock-keys.ts';
import {
  counts,
  fingerprint,
  prepare,
  reserve,
  startStock,
  type TestStock,
  taken,
} from '../support/stock.ts';
import { begin, cancel, complete, expire, readOrder, readOutbox, release } from '../support/stock-moves.ts';

let test: TestStock;
beforeEach(async () => {
  test = await startStock();
});
afterEach(() => test.stop());

it.each([
  '0',
  '-1',
  '1.5',
  '9007199254740992',
  '99999999999999999999',
  '1e3',
  '0x10',
  '',
  ' 1',
  'nan',
  'inf',
])('refuses the quantity %j and changes nothing', async (quantity) => {
  const { stock, redis } = test;
  await prepare(stock, 1, 10);
  const before = await fingerprint(redis);
  const [reply] = await reserve(stock, [{ quantity }]);
  expect(reply?.code).toBe(9);
  expect(await fingerprint(redis)).toBe(before);
});

it('answers every item of a batch by itself', async () => {
  const { stock } = test;
  await prepare(stock, 1, 3);
  const replies = await reserve(stock, [
    { memberId: 'a', quantity: 2 },
    { memberId: 'b', quantity: 'x' },
    { memberId: 'c', quantity: 2 },
    { memberId: 'd', quantity: 1 },
    { memberId: 'e', quantity: 1 },
    { memberId: 'f', offerId: 2 },
  ]);
  expect(replies.map(({ code }) => code)).toEqual([1, 9, 5, 1, 5, 10]);
  expect(await counts(stock)).toEqual([3, 3, 0]);
});

it('tells all held from sold out', async () => {
  const { stock } = test;
  await prepare(stock, 1, 2);
  const held = await taken(stock, { quantity: 1 });
  await taken(stock, { quantity: 1, holdMs: 0 });
  const ask = async (quantity: number) => (await reserve(stock, [{ quantity }]))[0]?.code;
  expect(await ask(1)).toBe(5);
  await begin(stock, held);
  await complete(stock, held, 1);
  expect(await ask(1)).toBe(4);
});

it('takes nothing when the same batch is sent twice', async () => {
  const { stock, redis } = test;
  await prepare(stock, 1, 10);
  const batch = [
    { orderId: newOrderId(0), quantity: 2 },
    { orderId: newOrderId(0), quantity: 3, key: 'k' },
  ];
  const first = await reserve(stock, batch);
  const before = await fingerprint(redis);
  const second = await reserve(stock, batch);
  expect(first.map(({ code }) => code)).toEqual([1, 1]);
  expect(second.map(({ code }) => code)).toEqual([2, 2]);
  expect(await fingerprint(redis)).toBe(before);
});

it('answers an idempotency key with its order, and refuses it with another body', async () => {
  const { stock } = test;
  await prepare(stock, 1, 10);
  const orderId = await taken(stock, { key: 'k', bodyHash: 'one' });
  const [same, other, elsewhere] = await reserve(stock, [
    { key: 'k', bodyHash: 'one' },
    { key: 'k', bodyHash: 'two' },
    { key: 'k', bodyHash: 'one', memberId: 'somebody-else' },
  ]);
  expect(same).toMatchObject({ code: 2, orderId });
  expect(other?.code).toBe(3);
  expect(elsewhere?.code).toBe(1);
});

it('limits what a member and what an entry hold, and gives the room back', async () => {
  const { stock } = test;
  await prepare(stock, 1, 100);
  const first = await taken(stock, { quantity: 2, entry: 'j1', entryLimit: 3, memberLimit: 4 });
  const ask = async (quantity: number, memberId: string) =>
    (await reserve(stock, [{ quantity, memberId, entry: 'j1', entryLimit: 3, memberLimit: 2 }]))[0]?.code;
  expect(await ask(1, 'm1')).toBe(6);
  expect(await ask(2, 'm2')).toBe(7);
  expect(await cancel(stock, first, 0, { entry: 'j1' })).toBe(1);
  expect(await ask(2, 'm1')).toBe(1);
});

it('lists the newest hundred orders of a member, however many there are', async () => {
  const { stock, redis, keys } = test;
  await prepare(stock, 1, 1_000);
  const replies = await reserve(
    stock,
    Array.from({ length: 103 }, () => ({ memberId: 'a', quantity: 1 })),
  );
  const listed = await redis.zrange(keys.memberOrders('a'), '0', '-1');
  expect(listed).toHaveLength(100);
  expect(new Set(replies.map(({ orderId }) => orderId)).size).toBe(103);
});

it('sells no more when the outbox is full', async () => {
  const { stock } = test;
  await prepare(stock, 1, 10);
  const replies = await reserve(stock, [{}, {}, {}], 2);
  expect(replies.map(({ code }) => code)).toEqual([1, 1, 8]);
});

it('repeats every move without effect', async () => {
  const { stock } = test;
  await prepare(stock, 1, 10);
  const orderId = await taken(stock, { quantity: 2 });
  expect([await begin(stock, orderId), await begin(stock, orderId)]).toEqual([1, 2]);
  expect([await release(stock, orderId, 1), await release(stock, orderId, 1)]).toEqual([1, 2]);
  expect([await begin(stock, orderId), await release(stock, orderId, 1)]).toEqual([1, 4]);
  expect([await complete(stock, orderId, 2), await complete(stock, orderId, 2)]).toEqual([1, 2]);
  expect([await cancel(stock, orderId), await cancel(stock, orderId)]).toEqual([1, 2]);
  expect(await counts(stock)).toEqual([10, 0, 0]);
  const versions = (await readOutbox(stock)).map(({ version, state }) => [version, state]);
  expect(versions).toEqual([
    [1, 'RESERVED'],
    [2, 'PAYING'],
    [3, 'RESERVED'],
    [4, 'PAYING'],
    [5, 'COMPLETED'],
    [6, 'CANCELLED'],
  ]);
});

it('never cancels by wish, nor expires, what is being paid', async () => {
  const { stock } = test;
  await prepare(stock, 1, 1);
  const orderId = await taken(stock, { holdMs: 5_000 });
  expect(await begin(stock, orderId)).toBe(1);
  const holdUntil = (await readOrder(stock, orderId))?.holdUntil ?? 0;
  await until(() => Date.now() > holdUntil + 5);
  expect(await cancel(stock, orderId)).toBe(4);
  expect(await expire(stock, orderId)).toBe(3);
  expect(await expireDue(stock, 0, 10)).toBe(0);
  expect(await complete(stock, orderId, 1)).toBe(1);
});

it('expires a hold by Redis time, once, and lets nobody pay for it', async () => {
  const { stock } = test;
  await prepare(stock, 1, 2);
  const orderId = await taken(stock, { holdMs: 1 });
  const standing = await taken(stock);
  expect(await expire(stock, standing)).toBe(2);
  const holdUntil = (await readOrder(stock, orderId))?.holdUntil ?? 0;
  await until(() => Date.now() > holdUntil + 5);
  expect(await begin(stock, orderId)).toBe(3);
  expect(await Promise.all([expireDue(stock, 0, 10), expireDue(stock, 0, 10)])).toContain(1);
  expect((await readOrder(stock, orderId))?.state).toBe('EXPIRED');
  expect(await begin(stock, orderId)).toBe(4);
  expect(await counts(stock)).toEqual([2, 1, 0]);
});

it('lengthens the hold of a released payment twice at most', async () => {
  const { stock } = test;
  await prepare(stock, 1, 1);
  const orderId = await taken(stock, { holdMs: 5_000 });
  const holds: number[] = [];
  for (const attempt of [1, 2, 3]) {
    await begin(stock, orderId);
    await release(stock, orderId, attempt, 10_000 * attempt);
    holds.push((await readOrder(stock, orderId))?.holdUntil ?? 0);
  }
  const [first = 0, second = 0, third = 0] = holds;
  expect(second).toBeGreaterThan(first + 9_000);
  expect(third).toBe(second);
});

it('binds an entry to its first holder for good', async () => {
  const { stock, keys } = test;
  const bind = async (holder: string) =>
    (await stock.call(bindEntry, [keys.epoch, keys.entry('j1')], [holder, 60_000]))[1];
  expect(await Promise.all([bind('a'), bind('b'), bind('c')])).toEqual(['a', 'a', 'a']);
});

it('changes capacity, but not below what is held and sold', async () => {
  const { stock, keys } = test;
  await prepare(stock, 1, 5);
  await taken(stock, { quantity: 3 });
  const change = (by: number | string) =>
    stock.call(changeCapacity, [keys.epoch, keys.offer(1)], [1, by, releasedChannel]);
  expect(await change(-3)).toEqual([4, 5, 3, 0]);
  expect(await change(-2)).toEqual([1, 3, 3, 0]);
  for (const nonsense of ['', '-', '1.5', '--1', 'x', '9007199254740991'])
    expect((await change(nonsense))[0], nonsense).toBe(3);
  expect((await stock.call(prepareOffer, [keys.epoch, keys.offer(1)], [99]))[0]).toBe(2);
  expect(await counts(stock)).toEqual([3, 3, 0]);
});

it('keeps the counters of the stock API between 0 and what there is', async () => {
  const { stock, keys } = test;
  await stock.call(prepareOffer, [keys.epoch, keys.product(1)], [10]);
  const at = [keys.epoch, keys.product(1)];
  expect(await stock.call(reserveProduct, at, [8])).toEqual([1, 10, 8, 0]);
  expect((await stock.call(reserveProduct, at, [3]))[0]).toBe(4);
  expect(await stock.call(confirmProduct, at, [5])).toEqual([1, 10, 3, 5]);
  expect((await stock.call(confirmProduct, at, [4]))[0]).toBe(4);
  expect(await stock.call(cancelProduct, at, [100])).toEqual([1, 3]);
  expect(await stock.call(cancelProduct, at, [1])).toEqual([1, 0]);
  expect((await stock.call(reserveProduct, at, ['1.5']))[0]).toBe(3);
  expect((await stock.call(reserveProduct, [keys.epoch, keys.product(2)], [1]))[0]).toBe(5);
});

it('cuts the outbox into ranges that follow each other, whoever asks', async () => {
  const { stock } = test;
  await prepare(stock, 1, 10);
  await reserve(
    stock,
    Array.from({ length: 5 }, () => ({})),
  );
  const first = await cutRange(stock, 0, 0, 2);
  expect(first).toMatchObject({ range: 1, entries: 2 });
  expect(await cutRange(stock, 0, 0, 2)).toEqual(first);
  const second = await cutRange(stock, 0, 1, 2);
  expect(second).toMatchObject({ range: 2, entries: 2 });
  expect(await cutRange(await test.another(), 0, 0, 2)).toEqual(second);
  const third = await cutRange(stock, 0, 2, 2);
  expect(third).toMatchObject({ range: 3, entries: 1 });
  expect(await cutRange(stock, 0, 3, 2)).toBeUndefined();
  if (first === undefined || third === undefined) throw new Error('no range');
  await trimRange(stock, first);
  expect(await readOutbox(stock)).toHaveLength(3);
  await trimRange(stock, third);
  await trimRange(stock, first);
  expect(await readOutbox(stock)).toHaveLength(0);
  await reserve(stock, [{}]);
  expect(await cutRange(await test.another(), 0, 0, 2)).toMatchObject({ range: 4, entries: 1 });
});

it('forgets orders that are over, and only in the version that was persisted', async () => {
  const { stock, redis, keys } = test;
  await prepare(stock, 1, 10);
  const open = await taken(stock);
  const over = await taken(stock, { holdMs: 0 });
  const moved = await taken(stock, { holdMs: 0 });
  await cancel(stock, moved);
  const orders = [open, over, moved].map((orderId) => ({ orderId, version: 1 }));
  expect(await forgetPersisted(stock, 0, orders, 60_000)).toBe(1);
  expect(await redis.pttl(keys.order(over))).toBeGreaterThan(0);
  await cancel(stock, over);
  expect(await redis.pttl(keys.order(over))).toBe(-1);
});

it('puts an order back that was read lately, and none that may have ended and been forgotten since', async () => {
  const { stock, keys, redis } = test;
  await prepare(stock, 1, 5);
  const orderId = await taken(stock, { quantity: 2 });
  const fields = Object.entries(await redis.hgetall(keys.order(orderId))).flat();
  await redis.del(keys.order(orderId));
  const putBack = async (readMsAgo: number) =>
    stock.call(
      restoreOrder,
      [keys.epoch, keys.holds, keys.order(orderId)],
      [60_000, (await stock.timeMs()) - readMsAgo, 10_000, ...fields],
    );
  expect(await putBack(10_500)).toEqual([3]);
  expect(await redis.exists(keys.order(orderId))).toBe(0);
  expect(await putBack(0)).toEqual([1]);
  expect(await putBack(10_500)).toEqual([2]);
  expect(await readOrder(stock, orderId)).toMatchObject({ state: 'RESERVED', version: 1 });
  expect(await counts(stock)).toEqual([5, 2, 0]);
});

it('does nothing under another epoch', async () => {
  const { redis, stock } = test;
  await prepare(stock, 1, 10);
  const orderId = await taken(stock);
  await redis.set(test.keys.epoch, 'e2');
  const before = await fingerprint(redis);
  for (const { file, keys, repeatedKeys = [], args } of definedScripts()) {
    // Those who build a stock act while it has no epoch.
    if (args[0] !== 'epochId') continue;
    const places = [test.keys.epoch, test.keys.offer(1), test.keys.order(orderId), ...keys, ...repeatedKeys];
    const words = ['e1', ...args.slice(1).map(() => '1'), ...Array.from({ length: 12 }, () => '1')];
    const used = keys.length + repeatedKeys.length;
    const reply = await redis.eval(loadScript(file), used, ...places.slice(0, used), ...words);
    expect(reply, file).toEqual([0]);
  }
  expect(await fingerprint(redis)).toBe(before);
  await expect(reserve(stock, [{}])).rejects.toMatchObject({ code: 'not-ready', status: 503 });
});

it('makes order ids that are UUIDv7 and name their partition', () => {
  for (const partition of [0, 7, 255]) expect(partitionOfOrder(newOrderId(partition))).toBe(partition);
  expect(partitionOfOrder('018f6b5e-8a3c-4c1a-9a3c-8f6b5e8a3c01')).toBeUndefined();
});

it('gives a named unit to one order, all or none, and frees it by name', async () => {
  const { stock, redis } = test;
  await prepare(stock, 1, 4);
  const [first, overlapping, wrong, other] = await reserve(stock, [
    { memberId: 'a', quantity: 2, units: 'A1,A2' },
    { memberId: 'b', quantity: 2, units: 'A2,A3' },
    { memberId: 'c', quantity: 3, units: 'A3,A4' },
    { memberId: 'd', quantity: 1, units: 'A3' },
  ]);
  expect([first?.code, overlapping?.code, wrong?.code, other?.code]).toEqual([1, 11, 9, 1]);
  const units = stock.keysOf(0).units(1);
  const orderOf = (reply: typeof first): string => reply?.orderId ?? '';
  expect(await redis.hgetall(units)).toEqual({ A1: orderOf(first), A2: orderOf(first), A3: orderOf(other) });
  expect(await cancel(stock, orderOf(first))).toBe(1);
  expect(await redis.hgetall(units)).toEqual({ A3: orderOf(other) });
  expect(await counts(stock, 1)).toEqual([4, 1, 0]);
  const [again] = await reserve(stock, [{ memberId: 'b', quantity: 1, units: 'A2' }]);
  // A second cancel of the first order must not take the unit from who has it now.
  expect(await cancel(stock, orderOf(first))).toBe(2);
  expect(await redis.hgetall(units)).toEqual({ A2: orderOf(again), A3: orderOf(other) });
});

it('says taken while other named units are free, and sold out or all held when none is', async () => {
  const { stock } = test;
  await prepare(stock, 1, 2);
  const [a] = await reserve(stock, [{ memberId: 'a', quantity: 1, units: 'A1', holdMs: 0 }]);
  expect(a?.code).toBe(1);
  const ask = async (): Promise<number | undefined> =>
    (await reserve(stock, [{ memberId: 'z', quantity: 1, units: 'A1' }]))[0]?.code;
  expect(await ask()).toBe(11);
  await reserve(stock, [{ memberId: 'b', quantity: 1, units: 'A2' }]);
  expect(await ask()).toBe(5);
});
