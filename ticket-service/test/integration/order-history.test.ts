import { expect, it } from 'vitest';
import { newSeed, randomFrom } from '../../../gateway/test/support/random.ts';
import { Buyer } from '../support/history/buyer.ts';
import type { Call } from '../support/history/history.ts';
import { judgeOrders } from '../support/history/judge-orders.ts';
import { type Killed, killWhile, wholeDeck } from '../support/history/killer.ts';
import { offersFor } from '../support/history/offers.ts';
import { readEnd, untilQuiet } from '../support/history/read-end.ts';
import { openSite } from '../support/history/site.ts';

const wanted = Number(process.env['ORDERS'] ?? 800);
/** `DECK=whole`: it goes on until something was killed at every point. */
const leastKilled = process.env['DECK'] === 'whole' ? wholeDeck : 0;
const members = 24;
/** With fewer nothing was tried: a slow machine takes longer. */
const leastOrders = Math.min(wanted, 200);
/** A tenth of a second an order, five seconds a kill: many times what it takes. A run that crawls must end, too. */
const sellForMs = Math.max(45_000, wanted * 100, leastKilled * 5_000);

it(
  'keeps every promise over thousands of orders, whatever is killed meanwhile',
  async () => {
    const seed = newSeed();
    const offers = offersFor(wanted, members);
    const site = await openSite(seed, offers, { holdSeconds: 4 });
    await site.behave({ declineShare: 0.2, hangShare: 0.01, errorShare: 0.01, resetShare: 0.01 });

    const calls: Call[] = [];
    const buyers = await Promise.all(
      Array.from({ length: members }, async (_, at) => {
        const name = `member${at}`;
        const random = randomFrom(seed + at + 1);
        return new Buyer({
          name,
          token: await site.token(name),
          offers,
          services: site.ticketServices,
          random,
          calls,
        });
      }),
    );
    let accepted = 0;
    let isSelling = true;
    const killed: Killed[] = [];
    const isMoreWanted = () => accepted < wanted || killed.length < leastKilled;
    const deadline = Date.now() + sellForMs;
    const isTooLittle = () => accepted < leastOrders || killed.filter(({ reached }) => reached).length <= 5;
    const goesOn = () => isTooLittle() || (isMoreWanted() && Date.now() < deadline);
    const selling = Promise.all(
      buyers.map(async (buyer) => {
        while (goesOn()) if (await buyer.buy()) accepted += 1;
      }),
    ).finally(() => {
      isSelling = false;
    });
    await Promise.all([killWhile(() => isSelling, site, randomFrom(seed), killed), selling]);

    await site.behave({ hangShare: 0, errorShare: 0, resetShare: 0 });
    await Promise.all(buyers.map((buyer) => buyer.settle()));
    await untilQuiet(site, 180_000);
    const end = await readEnd(site);
    const states = Object.groupBy(end.orders, ({ state }) => state);
    const summary = {
      seed,
      orders: end.orders.length,
      ...Object.fromEntries(Object.entries(states).map(([state, found]) => [state, found?.length])),
      calls: calls.length,
      unanswered: calls.filter(({ status }) => status === undefined).length,
      killed: killed.length,
      reached: killed.filter(({ reached }) => reached).length,
    };
    process.stdout.write(`${JSON.stringify(summary)}\n`);
    const told = `SEED=${seed}; killed: ${killed.map(({ what }) => what).join('; ')}`;
    expect(judgeOrders({ calls }, end), told).toEqual([]);
    // Otherwise nothing was tried.
    expect(summary.orders, told).toBeGreaterThanOrEqual(leastOrders);
    expect(summary.reached, told).toBeGreaterThan(5);
    expect(killed.length, told).toBeGreaterThanOrEqual(leastKilled);
  },
  sellForMs + 600_000,
);
