import { expect, test } from 'vitest';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp, uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { createRoom, openRooms } from '../support/open-rooms.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const isSubscription = (sent: string): boolean => /\bsubscribe\r\n/i.test(sent);

async function startOwnRedis() {
  return cleanedUp(await startRedis(), async ({ pid, stop }) => {
    process.kill(pid, 'SIGCONT');
    await stop();
  });
}

test('a Redis that hangs is away although its connections stand, and back as soon as it answers', async () => {
  const redis = await startOwnRedis();
  const open = await openRooms(redis.url);
  const room = await createRoom(open, uniqueRoom(), {});
  const asleep = await createRoom(open, uniqueRoom(), {});
  process.kill(redis.pid, 'SIGSTOP');
  await until(() => room.state === 'redis-away' && asleep.state === 'redis-away');
  expect(open.rooms.link.isAway).toBe(true);
  process.kill(redis.pid, 'SIGCONT');
  await until(() => room.state === 'open' && asleep.state === 'open');
  expect(open.rooms.link.isAway).toBe(false);
});

test('a line to Redis that swallows everything is noticed, and another connection is made', async () => {
  const redis = await startOwnRedis();
  const proxy = await startTcpProxy(redis.port);
  const open = await openRooms(proxy.url);
  const room = await createRoom(open, uniqueRoom(), {});
  expect(proxy.swallow((sent) => !isSubscription(sent))).toBe(1);
  await until(() => room.state === 'redis-away');
  await until(() => room.state === 'open');
});

test('a subscription that hears nothing is noticed and made anew, and what it missed is read', async () => {
  const redis = await startOwnRedis();
  const proxy = await startTcpProxy(redis.port);
  const deaf = await openRooms(proxy.url);
  const other = await openRooms(redis.url);
  const name = uniqueRoom();
  const room = await createRoom(deaf, name, {});
  const there = await createRoom(other, name, {});
  expect(proxy.swallow(isSubscription)).toBe(1);
  const { version } = there;
  await other.engine.change(there.cursor, {
    author: 'test',
    action: 'patch',
    reason: '',
    fields: [['page.message', 'Doors open at nine']],
    expectedVersion: version,
  });
  await until(() => room.rules.page.message === 'Doors open at nine');
  expect(room.state).toBe('open');
  await other.engine.change(there.cursor, {
    author: 'test',
    action: 'patch',
    reason: '',
    fields: [['page.message', 'Doors are open']],
    expectedVersion: version + 1,
  });
  await until(() => room.rules.page.message === 'Doors are open');
});

test('a gateway knows how many there are, of those that leave and of those that are killed too', async () => {
  const redis = await startOwnRedis();
  const open = await openRooms(redis.url);
  await until(() => open.rooms.link.gateways === 1);
  const leaving = await openRooms(redis.url);
  const killed = await openRooms(redis.url);
  for (const { rooms } of [open, leaving, killed]) await until(() => rooms.link.gateways === 3);
  await leaving.rooms.stop();
  leaving.subscriber.disconnect();
  await until(() => open.rooms.link.gateways === 2);
  killed.redis.disconnect();
  killed.subscriber.disconnect();
  await until(() => open.rooms.link.gateways === 1);
});
