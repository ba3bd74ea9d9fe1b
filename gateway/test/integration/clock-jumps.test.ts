import { createLog } from '@ropeline/core/log.ts';
import { connectRedisForWaiting } from '@ropeline/core/redis/connect.ts';
import { describe, expect, inject, test } from 'vitest';
import { cleanedUp, uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import type { LiveRoom } from '../../src/queue/live-room.ts';
import { RedisQueueEngine } from '../../src/queue/redis-engine.ts';
import { Rooms } from '../../src/queue/rooms.ts';
import { createRoom, noMetrics } from '../support/open-rooms.ts';
import { privateRedis } from '../support/start-gateway.ts';
import { virtualClock } from '../support/virtual-clock.ts';
import { VirtualRoom } from '../support/virtual-room.ts';

/** At 6,000 a minute: a hundred a second, and B = 11. */
const perSecond = 100;
const bound = 11;
const rules = {
  queue: { alwaysOn: true },
  admission: { ratePerMinute: 6_000, capacity: 10_000 },
  claim: { windowSeconds: 172_800 },
  presence: { leaseSeconds: 172_800 },
};

/** A room in the middle of its work. */
async function open(): Promise<VirtualRoom> {
  const room = await VirtualRoom.open(inject('redisUrl'), rules);
  await room.crowd(800);
  expect((await room.serve(1_000)).length).toBe(perSecond);
  return room;
}

describe('when the clock of Redis', () => {
  test.each([2_000, 600_000, 86_400_000])(
    'is set back by %d ms the room goes on at once, at its rate',
    async (ms) => {
      const room = await open();
      await room.pass(-ms);
      expect((await room.tick()).length).toBeLessThanOrEqual(bound);
      const given = (await room.serve(2_000)).length;
      expect(given).toBeGreaterThanOrEqual(2 * perSecond - bound);
      expect(given).toBeLessThanOrEqual(2 * perSecond + bound);
      // Numbers go on being told.
      const sketches = room.told.filter(({ type }) => type === 'sketch').length;
      await room.serve(2_000);
      expect(room.told.filter(({ type }) => type === 'sketch').length).toBe(sketches + 2);
    },
  );

  test.each([40, 500, 1_000])('is set back by %d ms nobody comes in twice for that time', async (ms) => {
    const room = await open();
    await room.pass(-ms);
    const again = await room.serve(ms);
    expect(again.length).toBeLessThanOrEqual(bound);
    const given = (await room.serve(2_000)).length;
    expect(again.length + given).toBeGreaterThanOrEqual(2 * perSecond - bound);
    expect(again.length + given).toBeLessThanOrEqual(2 * perSecond + bound);
  });

  test.each([2_000, 600_000, 86_400_000])('jumps forward by %d ms nobody rushes in', async (ms) => {
    const room = await open();
    await room.pass(ms);
    expect((await room.tick()).length).toBeLessThanOrEqual(bound);
    expect((await room.serve(2_000)).length).toBeLessThanOrEqual(2 * perSecond);
  });

  test('jumps forward past every lease, all are called before anybody is struck, and who answers stays', async () => {
    const room = await VirtualRoom.open(inject('redisUrl'), {
      ...{ ...rules, admission: { ratePerMinute: 0 } },
      presence: { leaseSeconds: 10 },
    });
    await room.crowd(40);
    await room.serve(1_000);
    await room.pass(86_400_000);
    await room.tick();
    const called = room.told.flatMap((event) => (event.type === 'called' ? [event.visitor] : []));
    expect(called.length).toBe(40);
    await Promise.all(
      called.map((visitor) => room.engine.mark(room.cursor, { visitor, lane: 0, score: 0 }, 'hold')),
    );
    await room.serve(5_000);
    expect(room.told.some(({ type }) => type === 'abandoned')).toBe(false);
  });

  test('is set back and comes right again, the one is no more a rush than the other', async () => {
    const room = await open();
    await room.pass(-3_600_000);
    const back = (await room.serve(1_000)).length;
    await room.pass(3_600_000);
    const again = (await room.serve(1_000)).length;
    expect(Math.max(back, again)).toBeLessThanOrEqual(perSecond + bound);
    expect(back + again).toBeGreaterThanOrEqual(2 * perSecond - bound);
  });
});

test('a gateway, too, goes on when the clock is set back behind what the room had waited for', async () => {
  const url = await privateRedis();
  const name = uniqueRoom();
  const clock = await virtualClock(url, `ropeline:{${name}}:clock`);
  let now = VirtualRoom.begins;
  await clock.set(now);
  const redis = await clock.connect();
  const log = createLog('test', 'silent');
  const subscriber = cleanedUp(connectRedisForWaiting(url, { name: 'test-subscriber', log }), (client) =>
    client.disconnect(),
  );
  const engine = new RedisQueueEngine(redis);
  const rooms = new Rooms({ engine, redis, subscriber, log, metricsOf: () => noMetrics });
  await rooms.start();
  cleanedUp(rooms, () => void rooms.stop());
  const open = { rooms, engine, redis, subscriber };
  const room: LiveRoom = await createRoom(open, name, { ...rules, admission: { ratePerMinute: 0 } });
  const passing = (isSo: () => boolean): Promise<boolean> =>
    until(async () => {
      now += 50;
      await clock.set(now);
      return isSo();
    });
  await engine.join(room.cursor, { visitor: 'v1', fresh: 'v1', lane: 0, score: 0 });
  room.wake();
  await passing(() => room.waiting === 1 && room.state === 'open');
  now -= 600_000;
  await passing(() => room.cursor.now() < VirtualRoom.begins);
  await passing(() => room.state === 'open');
  expect(room.cursor.now()).toBeLessThan(VirtualRoom.begins);
});
