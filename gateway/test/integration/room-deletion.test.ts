import type { Status } from '@ropeline/core/protocol/status.ts';
import { expect, inject, test } from 'vitest';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp, uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { createMissingRooms, parseRoomsFile } from '../../src/rooms-file.ts';
import { type LiveClient, openLive } from '../support/live-client.ts';
import { openControl, token } from '../support/open-control.ts';
import { createRoom, openRooms } from '../support/open-rooms.ts';
import { privateRedis, startGateway, type TestGateway } from '../support/start-gateway.ts';

const busy = { queue: { alwaysOn: true }, admission: { ratePerMinute: 0 } };

async function call<T>(gateway: TestGateway, method: string, path: string, ticket?: string) {
  const headers = ticket === undefined ? {} : { authorization: `Bearer ${ticket}` };
  const url = `${gateway.origin}/_ropeline/rooms/${gateway.room.name}${path}`;
  const answer = await fetch(url, { method, headers });
  return { status: answer.status, body: (await answer.json()) as T };
}

test('a deleted room is gone from every gateway at once: sockets are told and closed, tickets get 404', async () => {
  const redisUrl = await privateRedis();
  const here = await startGateway({ rules: busy, redisUrl });
  const roomName = here.room.name;
  const there = await startGateway({ rules: busy, redisUrl, roomName });
  const control = await openControl(redisUrl);
  const { body } = await call<Status>(here, 'POST', '/join');
  const socket = openLive(there.origin, roomName, body.place);
  await socket.first('status');

  expect(await control.call('DELETE', `/api/rooms/${roomName}`, { as: token.operator })).toMatchObject({
    status: 403,
    body: { code: 'role-required' },
  });
  const path = `/api/rooms/${roomName}`;
  expect(await control.call('DELETE', `${path}?reason=the+event+is+over`)).toMatchObject({ status: 204 });

  const { code, reason } = await socket.closed;
  expect([code, JSON.parse(reason)]).toEqual([4504, { code: 'unknown-room' }]);
  expect(socket.messages).toContainEqual({ type: 'state', state: 'closed', reason: 'closed' });
  for (const gateway of [here, there]) {
    await until(() => gateway.open.rooms.get(roomName) === undefined);
    expect(await call(gateway, 'GET', '/status', body.place)).toMatchObject({
      status: 404,
      body: { code: 'unknown-room' },
    });
  }
  expect(await control.call('GET', path)).toMatchObject({ status: 404 });
  expect(await control.call('DELETE', path)).toMatchObject({ status: 404, body: { code: 'unknown-room' } });
  expect((await control.call('GET', '/api/rooms')).body.rooms).toEqual([]);

  const { body: audit } = await control.call('GET', `${path}/audit`);
  expect(audit.entries[0]).toMatchObject({
    action: 'delete',
    author: 'admin',
    reason: 'the event is over',
  });
  const left = await here.open.redis.keys(`ropeline:{${roomName}}:*`);
  expect(left.sort()).toEqual(['audit', 'pacer'].map((key) => `ropeline:{${roomName}}:${key}`));
});

test('a gateway that missed the deletion does not put the room back', async () => {
  const redisUrl = inject('redisUrl');
  const control = await openControl(redisUrl);
  const deaf = await openRooms(redisUrl);
  const room = await createRoom(deaf, uniqueRoom(), busy);
  await until(() => control.rooms.get(room.name));
  // It hears nothing, and finds out by its own next call that the room is not there.
  room.receive = () => undefined;
  await control.redis.srem('ropeline:rooms', room.name);
  await control.call('DELETE', `/api/rooms/${room.name}`);
  await room.recover(room.cursor.epochId);
  expect(deaf.rooms.get(room.name)).toBeUndefined();
  expect(await control.redis.exists(room.cursor.keys.config)).toBe(0);
});

test('the rooms file makes rooms that were never made, and brings no deleted one back', async () => {
  const redisUrl = cleanedUp(await startRedis(), (redis) => redis.stop()).url;
  const file = parseRoomsFile('rooms: {one: {}, two: {}}', 'rooms.yaml');
  const first = await openControl(redisUrl);
  await createMissingRooms(first.rooms, file);
  await first.call('DELETE', '/api/rooms/two');

  const second = await openControl(redisUrl);
  await createMissingRooms(second.rooms, file);
  expect(second.rooms.all().map(({ name }) => name)).toEqual(['one']);
  expect(await second.call('POST', '/api/rooms', { body: { room: 'two' } })).toMatchObject({ status: 201 });
  await until(() => first.rooms.get('two'));
});

test('a room made anew under the name of a deleted one takes up nothing of it', async () => {
  const gateway = await startGateway({ rules: busy });
  const redisUrl = `redis://127.0.0.1:${gateway.open.redis.options.port}`;
  const control = await openControl(redisUrl);
  const { name } = gateway.room;
  const { body: old } = await call<Status>(gateway, 'POST', '/join');
  await control.call('DELETE', `/api/rooms/${name}`);
  const made = await control.call('POST', '/api/rooms?reason=again', {
    body: { room: name, rules: { queue: { alwaysOn: true }, admission: { ratePerMinute: 0 } } },
  });
  expect(made).toMatchObject({ status: 201, body: { run: 2, counts: { waiting: 0 } } });
  await until(() => gateway.open.rooms.get(name)?.cursor.run === 2);
  expect(await call(gateway, 'GET', '/status', old.place)).toMatchObject({
    status: 404,
    body: { code: 'no-place' },
  });
  const { body: fresh } = await call<Status>(gateway, 'POST', '/join', old.place);
  expect(fresh).toMatchObject({ position: 1 });
  expect(fresh.visitor).not.toBe(old.visitor);
  const { entries } = (await control.call('GET', `/api/rooms/${name}/audit`)).body;
  expect(entries.map(({ action, reason }: Record<string, string>) => [action, reason])).toEqual([
    ['create', 'again'],
    ['delete', ''],
    ['create', ''],
  ]);
});

test('a new message of the operator is told to every socket at once and stands on the page, and so is its end', async () => {
  const gateway = await startGateway({ rules: busy });
  const control = await openControl(`redis://127.0.0.1:${gateway.open.redis.options.port}`);
  const sockets: LiveClient[] = [];
  for (let i = 0; i < 3; i += 1) {
    const { body } = await call<Status>(gateway, 'POST', '/join');
    const socket = openLive(gateway.origin, gateway.room.name, body.place);
    await socket.first('status');
    sockets.push(socket);
  }
  const say = (message: string) =>
    control.call('PATCH', `/api/rooms/${gateway.room.name}`, { body: { page: { message } } });
  await say('Doors open a little later');
  for (const socket of sockets) {
    expect(await socket.first('message')).toEqual({ type: 'message', text: 'Doors open a little later' });
  }
  const page = await fetch(`${gateway.origin}/_ropeline/rooms/${gateway.room.name}/page?to=%2F`);
  expect(await page.text()).toContain('Doors open a little later');
  await say('');
  await until(() => sockets.every(({ messages }) => messages.some((m) => m.type === 'message' && !m.text)));
});
