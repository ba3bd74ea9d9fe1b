import type { Status } from '@ropeline/core/protocol/status.ts';
import { request } from 'undici';
import { expect, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { openLive } from '../support/live-client.ts';
import { createRoom, openRooms } from '../support/open-rooms.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';

const busy = { queue: { alwaysOn: true }, admission: { ratePerMinute: 0 } };

function at(gateway: TestGateway, path: string): string {
  return `${gateway.origin}/_ropeline/rooms/${gateway.room.name}${path}`;
}

async function join(gateway: TestGateway): Promise<{ ticket: string; visitor: string }> {
  const status = (await (await fetch(at(gateway, '/join'), { method: 'POST' })).json()) as Status;
  return { ticket: status.place as string, visitor: status.visitor };
}

async function statusOf(gateway: TestGateway, ticket: string): Promise<Status> {
  const answer = await fetch(at(gateway, '/status'), { headers: { authorization: `Bearer ${ticket}` } });
  return (await answer.json()) as Status;
}

async function change(gateway: TestGateway, fields: readonly (readonly [string, string])[]): Promise<void> {
  const { engine } = gateway.open;
  await engine.change(gateway.room.cursor, {
    author: 'test',
    action: 'patch',
    reason: '',
    expectedVersion: 0,
    fields,
  });
}

test('a change made while the room is being read is not missed', async () => {
  const gateway = await startGateway({ rules: busy });
  const { engine } = gateway.open;
  const read = engine.read.bind(engine);
  // The first reading is answered before the second change, and heard only after its broadcast.
  const second = Promise.withResolvers<void>();
  let held = 0;
  engine.read = async (...args) => {
    const reading = await read(...args);
    held += 1;
    await second.promise;
    return reading;
  };
  await change(gateway, [['admission.ratePerMinute', '7']]);
  await until(() => held > 0);
  const heard = gateway.room.cursor.sequence;
  await change(gateway, [['admission.ratePerMinute', '8']]);
  await until(() => gateway.room.cursor.sequence > heard);
  await gateway.open.redis.ping();
  second.resolve();
  await until(() => gateway.room.rules.admission.ratePerMinute === 8);
});

test('who is served here stays in the lane of the same name when lanes are changed', async () => {
  const lanes = [
    { name: 'standard', weight: 1 },
    { name: 'priority', weight: 1 },
  ];
  const gateway = await startGateway({ rules: { ...busy, lanes } });
  const { ticket, visitor } = await join(gateway);
  await change(gateway, [['lanes', 'priority:1,standard:1']]);
  await until(() => gateway.room.cursor.lanes[0] === 'priority');
  expect(await statusOf(gateway, ticket)).toMatchObject({ visitor, lane: 'standard', state: 'waiting' });
  const client = openLive(gateway.origin, gateway.room.name, ticket);
  await client.first('status');
  const { presence } = gateway.room.cursor.keys;
  await until(async () => (await gateway.open.redis.zcard(presence)) === 0);
  client.socket.terminate();
  await until(async () => (await gateway.open.redis.zscore(presence, visitor)) !== null);
});

test('a socket whose end Redis could not be told of comes under its grace period later', async () => {
  const gateway = await startGateway({ rules: busy });
  const { ticket, visitor } = await join(gateway);
  const client = openLive(gateway.origin, gateway.room.name, ticket);
  await client.first('status');
  const { presence } = gateway.room.cursor.keys;
  const { engine, redis } = gateway.open;
  await until(async () => (await redis.zscore(presence, visitor)) === null);
  const mark = engine.mark.bind(engine);
  let refused = 0;
  engine.mark = (...args) => {
    refused += 1;
    if (refused === 1) return Promise.reject(new Error('Command timed out'));
    return mark(...args);
  };
  client.socket.terminate();
  await until(async () => (await redis.zscore(presence, visitor)) !== null);
  expect(refused).toBeGreaterThan(1);
});

test('a poller who comes back from away is waiting again without a reason, and wakes a sleeping room', async () => {
  const rules = { ...busy, presence: { graceSeconds: 5, leaseSeconds: 10 } };
  const gateway = await startGateway({ rules });
  const { ticket, visitor } = await join(gateway);
  const { keys } = gateway.room.cursor;
  await gateway.open.redis.zadd(keys.presence, 1, visitor);
  await until(() => gateway.room.roster.get(visitor)?.state === 'abandoned');
  await change(gateway, [['admission.ratePerMinute', '60000']]);
  await until(() => gateway.room.rules.admission.ratePerMinute === 60_000);
  let known = (await statusOf(gateway, ticket)) as Status;
  await until(async () => {
    known = await statusOf(gateway, ticket);
    return known.state !== 'abandoned';
  });
  expect(known.reason).toBeUndefined();
  // By itself a room with nobody in it sleeps for an hour.
  await until(() => gateway.room.roster.get(visitor)?.state === 'admitted');
});

test('a poller whose lease is as short as it may be is not struck between two polls', async () => {
  const gateway = await startGateway({ rules: { ...busy, presence: { graceSeconds: 5, leaseSeconds: 10 } } });
  const { ticket, visitor } = await join(gateway);
  const { presence } = gateway.room.cursor.keys;
  const lease = async (): Promise<number> => Number(await gateway.open.redis.zscore(presence, visitor));
  const first = await lease();
  const known = gateway.room.roster.get(visitor);
  if (known === undefined) throw new Error('nobody is served');
  // A poll when a third of the lease is over, and two thirds are left to come back in.
  known.leasedAt -= 3_400;
  await statusOf(gateway, ticket);
  const renewed = await until(async () => {
    const now = await lease();
    return now > first && now;
  });
  // Before the first had run out, and by the poll: who is called has an odd deadline.
  expect(renewed - 10_000).toBeLessThan(first);
  expect(renewed % 2).toBe(0);
});

test('a lease of a poller is renewed, too, when the clock of the gateway was set back', async () => {
  const gateway = await startGateway({
    rules: { ...busy, presence: { graceSeconds: 600, leaseSeconds: 600 } },
  });
  const { ticket, visitor } = await join(gateway);
  const { redis } = gateway.open;
  const { presence } = gateway.room.cursor.keys;
  const earlier = Number(await redis.zscore(presence, visitor)) - 60_000;
  await redis.zadd(presence, 'XX', earlier, visitor);
  const known = gateway.room.roster.get(visitor);
  if (known === undefined) throw new Error('nobody is served');
  known.leasedAt += 3_600_000;
  await statusOf(gateway, ticket);
  await until(async () => Number(await redis.zscore(presence, visitor)) > earlier);
});

test('the way in sends who has no turn after all to the page, which then knows it', async () => {
  const gateway = await startGateway({ rules: { ...busy, admission: { ratePerMinute: 60_000 } } });
  const { ticket, visitor } = await join(gateway);
  await until(() => gateway.room.roster.get(visitor)?.state === 'admitted');
  const { keys } = gateway.room.cursor;
  await gateway.open.redis.multi().zrem(keys.admitted, visitor).hset(keys.over, visitor, 'lapsed').exec();
  const answer = await request(at(gateway, '/enter?to=%2Fshop'), {
    headers: { accept: 'text/html', cookie: `ropeline_place=${ticket}` },
  });
  await answer.body.dump();
  expect(answer.statusCode).toBe(303);
  expect(answer.headers['location']).toBe(`/_ropeline/rooms/${gateway.room.name}/page?to=%2Fshop`);
  expect(await statusOf(gateway, ticket)).toMatchObject({ state: 'lapsed', reason: 'lapsed' });
});

test('forms answer with an address also when they are refused', async () => {
  const gateway = await startGateway({ rules: busy });
  const { ticket } = await join(gateway);
  await change(gateway, [['flag.drained', '1']]);
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const room = `/_ropeline/rooms/${gateway.room.name}`;
  const post = async (path: string, headers = {}): Promise<[number, string]> => {
    const answer = await request(at(gateway, path), {
      method: 'POST',
      headers: { ...form, ...headers },
      body: 'to=%2Fshop',
    });
    await answer.body.dump();
    return [answer.statusCode, String(answer.headers['location'])];
  };
  expect(await post('/join')).toEqual([303, `${room}/page?to=%2Fshop`]);
  expect(await post('/claim', { cookie: `ropeline_place=${ticket}` })).toEqual([
    303,
    `${room}/enter?to=%2Fshop`,
  ]);
});

test('forward-auth decides about the upgrade of a socket of the site as about any request', async () => {
  const gateway = await startGateway({ rules: busy });
  const answer = await fetch(`${gateway.origin}/_ropeline/authz/live/feed`, {
    headers: { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' },
  });
  expect(answer.status).toBe(401);
  expect(await answer.json()).toMatchObject({ code: 'entry-required' });
});

test('a room is served only when its rules are known', async () => {
  const here = await startGateway({ rules: busy });
  const there = await openRooms(`redis://127.0.0.1:${here.open.redis.options.port}`);
  const read = there.engine.read.bind(there.engine);
  const gate = Promise.withResolvers<void>();
  let asked = '';
  there.engine.read = async (name, lanes) => {
    asked = name;
    await gate.promise;
    return read(name, lanes);
  };
  const name = uniqueRoom();
  await createRoom(here.open, name, { match: { hosts: ['a.test'] } });
  await until(() => asked === name);
  expect(there.rooms.get(name)).toBeUndefined();
  gate.resolve();
  expect((await until(() => there.rooms.get(name))).rules.match.hosts).toEqual(['a.test']);
});
