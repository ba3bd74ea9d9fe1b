import { expect, test } from 'vitest';
import { cleanedUp, uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { defaultRules, mergeRules, type RoomRules } from '../../src/queue/rules.ts';
import { createMissingRooms } from '../../src/rooms-file.ts';
import { createRoom, type OpenRooms, openRooms } from '../support/open-rooms.ts';
import { privateRedis } from '../support/start-gateway.ts';

const busy = { queue: { alwaysOn: true }, admission: { ratePerMinute: 60_000, capacity: 1_000_000 } };

function file(count: number): Map<string, RoomRules> {
  const rules = mergeRules(defaultRules, { page: { message: 'hello' } }) as RoomRules;
  return new Map(Array.from({ length: count }, (_, i) => [`room-${i}`, rules]));
}

/** Calls of every command so far, but for INFO itself. */
async function commands({ redis }: OpenRooms): Promise<Map<string, number>> {
  const text = await redis.info('commandstats');
  const counts = [...text.matchAll(/^cmdstat_([\w|]+):calls=(\d+)/gm)];
  return new Map(counts.flatMap(([, name = '', calls]) => (name === 'info' ? [] : [[name, Number(calls)]])));
}

function more(before: Map<string, number>, after: Map<string, number>): Record<string, number> {
  const entries = [...after].map(([name, calls]) => [name, calls - (before.get(name) ?? 0)] as const);
  return Object.fromEntries(entries.filter(([, calls]) => calls > 0));
}

/** Commands that a gateway sends whatever it has: its heartbeat, and its look whether Redis was emptied. */
const ofTheGateway = new Set([
  'publish',
  'set',
  'scard',
  'ping',
  'client|setinfo',
  'client|setname',
  'hello',
]);
const ofRooms = (counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([name]) => !ofTheGateway.has(name)));

test('idle rooms cost Redis not one command, however many they are', async () => {
  const url = await privateRedis();
  const gateway = await openRooms(url);
  await createMissingRooms(gateway.rooms, file(300));
  const other = await openRooms(url);
  expect(other.rooms.all()).toHaveLength(300);
  const [from, before] = [Date.now(), await commands(gateway)];
  // Called once a minute each, they would show in any second.
  await until(() => Date.now() - from > 2_000);
  const counted = more(before, await commands(gateway));
  const seconds = (Date.now() - from) / 1_000;
  expect(ofRooms(counted)).toEqual({});
  // Of each gateway: a beat twice a second, a look every two seconds.
  expect(counted['publish']).toBeLessThanOrEqual(2 * (2 * seconds + 2));
  expect((counted['set'] ?? 0) + (counted['scard'] ?? 0)).toBeLessThanOrEqual(2 * 2 * (seconds / 2 + 1));
});

test('a gateway opens a room with one command and listens to hundreds with one', async () => {
  const url = await privateRedis();
  const maker = await openRooms(url);
  await createMissingRooms(maker.rooms, file(300));
  const before = await commands(maker);
  const gateway = await openRooms(url);
  expect(gateway.rooms.get('room-299')?.rules.page.message).toBe('hello');
  const opened = more(before, await commands(maker));
  // A script is sent as a whole the first time on a connection; what it calls itself is counted too.
  expect((opened['evalsha'] ?? 0) + (opened['eval'] ?? 0)).toBe(300);
  expect(opened['hgetall']).toBe(600);
  expect(opened['subscribe']).toBeLessThanOrEqual(4);
});

test('a sleeping room among many is brought up to date by its next join', async () => {
  const url = await privateRedis();
  const gateway = await openRooms(url);
  await createMissingRooms(gateway.rooms, file(50));
  const room = gateway.rooms.get('room-7');
  if (room === undefined) throw new Error('not opened');
  // A minute in which nobody looked: the bucket is filled by the join itself.
  await gateway.redis.hincrby(room.cursor.keys.pacer, 'filledAt', -60_000);
  const place = { visitor: 'somebody', lane: 0, score: 0, fresh: 'fresh' };
  const outcome = await room.engine.join(room.cursor, place);
  expect(outcome).toMatchObject({ state: 'admitted', turn: 1 });
});

test('a flood of joins in one room does not hold up another room: its calls pass all that are not under way yet', async () => {
  const open = await openRooms(await privateRedis());
  const flooded = await createRoom(open, uniqueRoom(), busy);
  const calm = await createRoom(open, uniqueRoom(), { ...busy, queue: { alwaysOn: true } });
  cleanedUp(flooded, (room) => room.stop());
  const { engine } = open;
  let answered = 0;
  const flood = Array.from({ length: 20_000 }, (_, i) =>
    engine.join(flooded.cursor, { visitor: `v${i}`, lane: 0, score: 0, fresh: `f${i}` }).then(() => {
      answered += 1;
    }),
  );
  const seen: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    const start = answered;
    await engine.join(calm.cursor, { visitor: `c${i}`, lane: 0, score: 0, fresh: `d${i}` });
    await engine.tick(calm.cursor, '');
    seen.push(answered - start);
  }
  expect(answered).toBeLessThan(20_000);
  await Promise.all(flood);
  // Two batches of 250 are under way at most before each of the two calls, and those that take their place meanwhile.
  for (const passed of seen) expect(passed).toBeLessThanOrEqual(2 * 4 * 250);
});
