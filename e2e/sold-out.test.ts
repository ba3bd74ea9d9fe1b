import { beforeAll, describe, expect, test } from 'vitest';
import { comparePayments, completedUnits } from '../loadtest/check/books.ts';
import { readLedger } from '../loadtest/check/ledger.ts';
import type { RoomWatch } from '../loadtest/check/room-watch.ts';
import { inParallel } from '../testing/in-parallel.ts';
import { until } from '../testing/until.ts';
import { call } from './support/call.ts';
import { operatorOf, turnOf } from './support/operator.ts';
import { RoomVisitor } from './support/room-visitor.ts';
import { Shopper } from './support/shopper.ts';
import { useRopeline } from './support/use-ropeline.ts';
import { watchDemo } from './support/watch-demo.ts';

const ropeline = useRopeline({ HOLD_SECONDS: '3600' });
const tickets = 1_000;
const perEntry = 4;
const buyers = tickets / perEntry;
const latecomers = 60;
/** Buy for all: an entry is one member's, a member's may be many. */
const members = 25;

type Buyer = { readonly visitor: RoomVisitor; readonly shopper: Shopper; orderId: unknown };

/**
 * One sale from the first to the last ticket; every test goes on where the one before has left it. 250 visitors get
 * in and take four tickets each, 60 stand behind them.
 */
describe('a sale of 1,000 tickets to a crowd', () => {
  let watch: RoomWatch;
  const inside: Buyer[] = [];
  let waiting: readonly RoomVisitor[];

  const gateway = (): string => ropeline().addresses.gateway;
  const operator = () => operatorOf(ropeline());
  const room = async () => (await call('GET', `${gateway()}/_ropeline/rooms/demo`)).body;

  beforeAll(async () => {
    watch = await watchDemo(ropeline());
    await operator().patch({
      admission: { ratePerMinute: 60_000, capacity: buyers },
      queue: { alwaysOn: true },
    });
    const shoppers = await inParallel(8, numbered(members), (at) =>
      Shopper.logIn(ropeline().addresses.ticket, at + 1),
    );
    const crowd = numbered(buyers + latecomers).map(() => new RoomVisitor(gateway()));
    await inParallel(20, crowd.slice(0, buyers), (visitor) => visitor.join());
    for (const visitor of crowd.slice(buyers)) await visitor.join();
    for (const visitor of crowd) visitor.watch();
    waiting = crowd.slice(buyers);
    const first = crowd.slice(0, buyers);
    await until(() => first.every(({ entry }) => entry !== undefined));
    for (const [at, visitor] of first.entries()) {
      const shopper = shoppers[at % members]?.with(visitor.entry?.entryToken, gateway());
      if (shopper !== undefined) inside.push({ visitor, shopper, orderId: undefined });
    }
    return () => {
      for (const visitor of crowd) visitor.stop();
      watch.stop();
    };
  });

  test('all is held: the room admits nobody, and nobody loses the place', async () => {
    await inParallel(16, inside, async (buyer) => {
      const answer = await buyer.shopper.order(perEntry);
      expect(answer.status, answer.text).toBe(201);
      buyer.orderId = answer.body['orderId'];
    });
    expect(await watch.stock()).toEqual({ capacity: tickets, held: tickets, sold: 0 });
    await until(async () => (await room())['state'] === 'stock-held');
    // The room was full; now only the stock holds it, at two a second so that what follows can be seen.
    await operator().patch({ admission: { ratePerMinute: 120, capacity: 10_000 } });
    const { at, totals } = await operator().numbers();
    await until(async () => (await operator().numbers()).at > at + 2_000);
    expect(await operator().numbers()).toMatchObject({
      waiting: latecomers,
      admitted: 0,
      totals: { turns: totals.turns },
    });
    await until(() => waiting.every(({ messages }) => messages.some(isHeld)));
    for (const [ahead, visitor] of waiting.entries()) {
      expect(await visitor.look()).toMatchObject({ state: 'waiting', reason: 'stock-held', ahead });
    }
    const late = new RoomVisitor(gateway());
    expect(await late.join()).toMatchObject({ state: 'waiting', reason: 'stock-held', ahead: latecomers });
    await late.leave();
  });

  test('units that come back let the next one in, who was first in line', async () => {
    const [generous] = inside;
    expect((await generous?.shopper.cancel(generous.orderId))?.status).toBe(200);
    await generous?.visitor.leave();
    const [next] = waiting;
    // A second one, who will find all held again.
    await until(() => entered().length >= 2);
    // Whose turn came first stands first in line, in whatever order they hear of it.
    const turns = waiting.flatMap(({ entry }) => (entry === undefined ? [] : [turnOf(entry.entryToken)]));
    expect(turns).toEqual(turns.toSorted((a, b) => a - b));
    await until(() => waiting.findIndex(({ entry }) => entry === undefined) === entered().length);
    const shopper = await Shopper.logIn(gateway(), members + 1, next?.entry?.entryToken);
    const order = await shopper.order(perEntry);
    expect(order.status, order.text).toBe(201);
    if (next !== undefined) inside[0] = { visitor: next, shopper, orderId: order.body['orderId'] };
    await until(async () => (await room())['state'] === 'stock-held');
    expect((await watch.stock()).held).toBe(tickets);
  });

  test('who finds all held is told so, and how many there are', async () => {
    const number = members + 2;
    const shopper = (await Shopper.logIn(ropeline().addresses.ticket, number)).with(
      inside[1]?.visitor.entry?.entryToken,
    );
    expect((await shopper.order()).body['code']).toBe('entry-bound');
    const answer = await shopper.with(entered()[1]?.entry?.entryToken).order();
    expect(answer).toMatchObject({ status: 409, body: { code: 'all-held', available: 0 } });
  });

  test('all is sold: everybody still in line is told so, and the line ends', async () => {
    const stillWaiting = waiting.filter(({ entry }) => entry === undefined);
    expect(stillWaiting.length).toBeGreaterThan(latecomers / 2);
    await inParallel(8, inside, async ({ shopper, orderId }) => {
      const answer = await shopper.pay(orderId);
      expect(answer.status, answer.text).toBe(200);
    });
    await until(() => stillWaiting.every(({ closes }) => closes.length > 0));
    for (const { closes, messages } of stillWaiting) {
      expect(closes).toEqual([{ code: 4503, reason: JSON.stringify({ code: 'place-over' }), wasOpen: true }]);
      const last = messages.findLast(({ type }) => type === 'status');
      expect(last).toMatchObject({ state: 'rejected', reason: 'sold-out', position: null });
    }
    expect(await stillWaiting[0]?.look()).toMatchObject({ state: 'rejected', reason: 'sold-out' });
    expect((await room())['state']).toBe('sold-out');
    // The public number is as old as the last sketch.
    await expect.poll(async () => (await operator().numbers()).waiting).toBe(0);
    await until(async () => (await room())['waiting'] === 0);
    const late = await new RoomVisitor(gateway()).ask('POST', '/join');
    expect(late).toMatchObject({ status: 409, body: { code: 'sold-out' } });
  });

  test('sells exactly what there is; Redis and Postgres agree, and nothing is left on the way', async () => {
    await until(async () => (await watch.sample()).outbox === 0);
    const ledger = await readLedger(ropeline().addresses.database, 1);
    expect(await watch.stock()).toEqual({ capacity: tickets, held: 0, sold: tickets });
    expect(completedUnits(ledger)).toBe(tickets);
    expect(ledger).toMatchObject({ capacity: tickets, taken: tickets, deadLetters: 0 });
    expect(ledger.orders.map(({ state }) => state).sort()).toEqual([
      'CANCELLED',
      ...numbered(buyers).map(() => 'COMPLETED'),
    ]);
    expect(comparePayments(ledger)).toEqual([]);
    expect(Math.max(...watch.samples.map(({ held, sold }) => held + sold))).toBe(tickets);
  });

  function entered(): readonly RoomVisitor[] {
    return waiting.filter(({ entry }) => entry !== undefined);
  }
});

function isHeld(message: RoomVisitor['messages'][number]): boolean {
  return message.type === 'state' && message.state === 'stock-held';
}

function numbered(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at);
}
