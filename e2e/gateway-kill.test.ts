import { beforeAll, describe, expect, test } from 'vitest';
import { worstWindow } from '../loadtest/check/admission-bound.ts';
import { overtaken, unfairPlaces } from '../loadtest/check/admission-order.ts';
import { type RoomRecord, readRecord, timesOf } from '../loadtest/check/room-record.ts';
import type { RoomWatch } from '../loadtest/check/room-watch.ts';
import { until } from '../testing/until.ts';
import { Crowd } from './support/crowd.ts';
import { connectionsOf, controlOwner, gatewaysOf, gatewaysOnPort } from './support/gateways.ts';
import { operatorOf } from './support/operator.ts';
import { useRopeline } from './support/use-ropeline.ts';
import { watchDemo } from './support/watch-demo.ts';

const ropeline = useRopeline({ GATEWAYS: '2' });
const crowdSize = 600;

/** One crowd for all tests: what they look at is what became of it. */
describe('a gateway that is killed while 600 visitors arrive and wait', () => {
  let watch: RoomWatch;
  let crowd: Crowd;
  let record: RoomRecord;
  let lost = 0;
  let spared = 0;
  let held: readonly number[] = [];
  let listening: readonly number[] = [];

  beforeAll(async () => {
    watch = await watchDemo(ropeline());
    const first = await watch.rulesNow();
    crowd = new Crowd(ropeline().addresses.gateway, { visitors: crowdSize, arriveMs: 8_000, pollsEvery: 5 });
    crowd.arrive();
    await until(() => crowd.joined.length >= crowdSize / 2);
    await until(() => crowd.connected.length >= crowdSize / 4);

    const victim = controlOwner(ropeline());
    listening = gatewaysOnPort(ropeline());
    held = listening.map((pid) => connectionsOf(ropeline(), pid));
    const { connected } = crowd;
    process.kill(victim, 'SIGKILL');
    await until(() => !gatewaysOf(ropeline()).includes(victim));
    await until(() => crowd.joined.length === crowdSize, 120_000);
    const sockets = (): readonly boolean[] =>
      crowd.visitors
        .filter((visitor, index) => index % 5 !== 0 && visitor.entry === undefined)
        .map(({ isConnected }) => isConnected);
    await until(() => sockets().every(Boolean));
    lost = connected.filter(({ closes }) => closes.some(({ code }) => code === 1006)).length;
    // Who got in closes the socket: 1000.
    spared = connected.filter(({ closes }) => closes.every(({ code }) => code === 1000)).length;

    // The control plane has moved to the gateway that lives.
    await until(() => operatorOf(ropeline()).patch({ admission: { ratePerMinute: 6_000 } }));
    await until(() => crowd.entered.length === crowdSize || crowd.errors.length > 0, 120_000);
    await until(() => gatewaysOf(ropeline()).length === 2);
    record = readRecord(watch.messages);
    rules = await watch.rulesSince(first);
    return () => {
      crowd.stop();
      watch.stop();
    };
  });
  let rules: Awaited<ReturnType<RoomWatch['rulesSince']>>;

  test('shared the port with the other one, each with a share of the sockets; those of the other one stayed', () => {
    expect(listening.length).toBe(2);
    for (const sockets of held) expect(sockets).toBeGreaterThan(crowdSize / 20);
    expect(spared).toBeGreaterThan(crowdSize / 20);
  });

  test('held sockets of many of them, and they have come back', () => {
    expect(lost).toBeGreaterThan(crowdSize / 20);
    expect([...new Set(crowd.errors.map(String))]).toEqual([]);
  });

  test('loses nobody and makes nobody two: each keeps the visitor id and gets one turn and one entry', () => {
    expect(crowd.entered.length).toBe(crowdSize);
    expect(crowd.visitors.filter(({ ids }) => ids.size !== 1)).toEqual([]);
    const admitted = record.events.filter(({ kind }) => kind === 'admitted').map(({ visitor }) => visitor);
    const ours = new Set(crowd.visitors.map(({ id }) => id));
    expect(ours.size).toBe(crowdSize);
    expect(admitted.filter((visitor) => ours.has(visitor)).sort()).toEqual([...ours].sort());
    expect(new Set(crowd.visitors.map(({ entry }) => entry?.entryToken)).size).toBe(crowdSize);
    // A join whose answer died with the gateway has a place that nobody holds: each of them was repeated.
    const strangers = new Set(admitted.filter((visitor) => !ours.has(visitor)));
    const repeated = crowd.visitors.reduce((sum, visitor) => sum + visitor.repeated, 0);
    expect(strangers.size).toBeLessThanOrEqual(repeated);
  });

  test('changes nothing in the order: places by arrival, turns by place', () => {
    expect(record).toMatchObject({ missing: 0, epochs: 1 });
    const places = crowd.places();
    expect(places.length).toBe(crowdSize);
    expect(unfairPlaces(places)).toEqual([]);
    expect(overtaken(record.events, places)).toEqual([]);
  });

  test('never lets more in than the rate allows, in any window', () => {
    const worst = worstWindow(timesOf(record, 'admitted'), timesOf(record, 'lapsed'), rules);
    expect(rules.map(({ ratePerMinute }) => ratePerMinute)).toEqual([600, 6_000]);
    expect(worst?.excess).toBeLessThanOrEqual(0);
  });

  test('is started again by the supervisor', async () => {
    await until(() => /gateway(-2)? is back after \d+ ms/.test(ropeline().output()));
    expect(ropeline().output()).toMatch(/! gateway(-2)? died \(SIGKILL\)/);
    await until(() => gatewaysOnPort(ropeline()).length === 2);
  });
});
