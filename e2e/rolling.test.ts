import { beforeAll, describe, expect, test } from 'vitest';
import { worstWindow } from '../loadtest/check/admission-bound.ts';
import { overtaken } from '../loadtest/check/admission-order.ts';
import { readRecord, timesOf } from '../loadtest/check/room-record.ts';
import type { RoomWatch } from '../loadtest/check/room-watch.ts';
import { inParallel } from '../testing/in-parallel.ts';
import { cleanedUp } from '../testing/scope.ts';
import { until } from '../testing/until.ts';
import { call } from './support/call.ts';
import { Crowd } from './support/crowd.ts';
import { controlOwner, gatewaysOf } from './support/gateways.ts';
import { operatorOf } from './support/operator.ts';
import { RoomVisitor } from './support/room-visitor.ts';
import { Shopper } from './support/shopper.ts';
import { useRopeline } from './support/use-ropeline.ts';
import { watchDemo } from './support/watch-demo.ts';

const ropeline = useRopeline({ GATEWAYS: '2', DRAIN_SECONDS: '30' });
const crowdSize = 240;
const back = /gateway(-2)? is back after/g;

test('a gateway that is asked to stop finishes what is in flight', async () => {
  const { gateway, ticket, payment } = ropeline().addresses;
  const buyers = await inParallel(8, [1, 2, 3, 4, 5, 6, 7, 8], async (number) => {
    const { entryToken } = await new RoomVisitor(gateway).getIn();
    const shopper = await Shopper.logIn(gateway, number, entryToken);
    return { shopper, orderId: (await shopper.order()).body['orderId'] };
  });
  const behave = (latencyMs: number) => call('PATCH', `${payment}/behaviour`, { json: { latencyMs } });
  expect((await behave(1_000)).status).toBe(200);
  cleanedUp(undefined, () => behave(0));
  // Eight connections over two gateways: once in 256 times the one that stops holds none of them.
  const payments = Promise.all(buyers.map(({ shopper, orderId }) => shopper.pay(orderId)));
  await inParallel(8, buyers, ({ shopper, orderId }) =>
    until(async () => (await shopper.with(undefined, ticket).see(orderId)).body['state'] === 'PAYING'),
  );
  await restart(controlOwner(ropeline()));
  for (const { status, text } of await payments) expect(status, text).toBe(200);
});

/**
 * One crowd again, arriving at 30 a second; this time both gateways are asked to stop, one after the other, as a
 * rolling restart does.
 */
describe('a rolling restart of two gateways while visitors arrive and wait', () => {
  let watch: RoomWatch;
  let crowd: Crowd;
  let rules: Awaited<ReturnType<RoomWatch['rulesSince']>>;

  beforeAll(async () => {
    watch = await watchDemo(ropeline());
    const first = await watch.rulesNow();
    crowd = new Crowd(ropeline().addresses.gateway, { visitors: crowdSize, arriveMs: 8_000, pollsEvery: 2 });
    // Few get in meanwhile, so that there are sockets to tell.
    await operatorOf(ropeline()).patch({ admission: { ratePerMinute: 60 } });
    crowd.arrive();
    const before = gatewaysOf(ropeline());
    const owner = controlOwner(ropeline());
    const other = before.find((pid) => pid !== owner);
    for (const gateway of [owner, other]) {
      await until(() => crowd.connected.length >= crowdSize / 6);
      if (gateway !== undefined) await restart(gateway);
    }
    await until(() => crowd.joined.length === crowdSize);
    await until(() => operatorOf(ropeline()).patch({ admission: { ratePerMinute: 6_000 } }));
    await until(() => crowd.entered.length === crowdSize || crowd.errors.length > 0, 120_000);
    rules = await watch.rulesSince(first);
    return () => {
      crowd.stop();
      watch.stop();
    };
  });

  test('gives every request an answer, at the latest when it is repeated', () => {
    expect([...new Set(crowd.errors.map(String))]).toEqual([]);
    expect(crowd.entered.length).toBe(crowdSize);
    expect(crowd.visitors.filter(({ ids }) => ids.size !== 1)).toEqual([]);
  });

  test('tells every socket when to come back, and spreads that', () => {
    // A connection that the kernel had not handed to the process yet is lost with its port, as any is; it was never open.
    const closes = crowd.visitors
      .flatMap(({ closes }) => closes)
      .filter(({ code, wasOpen }) => code !== 1000 && wasOpen);
    expect(closes.length).toBeGreaterThan(crowdSize / 10);
    expect(new Set(closes.map(({ code }) => code))).toEqual(new Set([4000]));
    const delays = closes.map(({ reason }) => JSON.parse(reason) as { code: string; retryAfterMs: number });
    for (const { code, retryAfterMs } of delays) {
      expect(code).toBe('come-back');
      expect(retryAfterMs).toBeGreaterThanOrEqual(0);
      expect(retryAfterMs).toBeLessThanOrEqual(3_000);
    }
    const times = delays.map(({ retryAfterMs }) => retryAfterMs);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(1_000);
  });

  test('ends each process in order and in time, and the supervisor starts the next', () => {
    const deaths = printed(/! gateway(-2)? died \(.*?\)/g);
    expect(deaths.length).toBeGreaterThanOrEqual(3);
    // A process that is past its last deadline ends with 1.
    expect(deaths.filter((death) => !death.endsWith('(exit code 0)'))).toEqual([]);
  });

  test('keeps the order and the rate', () => {
    const record = readRecord(watch.messages);
    expect(record).toMatchObject({ missing: 0, epochs: 1 });
    expect(overtaken(record.events, crowd.places())).toEqual([]);
    const worst = worstWindow(timesOf(record, 'admitted'), timesOf(record, 'lapsed'), rules);
    expect(worst?.excess).toBeLessThanOrEqual(0);
  });
});

/** SIGTERM, until the process is gone and another has taken its place. */
async function restart(pid: number): Promise<void> {
  const before = printed(back).length;
  process.kill(pid, 'SIGTERM');
  await until(() => !gatewaysOf(ropeline()).includes(pid));
  await until(() => printed(back).length > before);
}

function printed(pattern: RegExp): readonly string[] {
  return ropeline().output().match(pattern) ?? [];
}
