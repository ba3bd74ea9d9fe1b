import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import { expect, inject, test } from 'vitest';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp, uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import type { LiveRoom } from '../../src/queue/live-room.ts';
import { type Joined, Visits } from '../../src/queue/visitors/visits.ts';
import { createMissingRooms, parseRoomsFile } from '../../src/rooms-file.ts';
import { type OpenControl, openControl, signalToken, token } from '../support/open-control.ts';
import { createRoom } from '../support/open-rooms.ts';

const visits = new Visits(new PlaceTickets(['a secret of at least thirty-two bytes']));

async function join(room: LiveRoom): Promise<Joined> {
  const joined = await visits.join(room, 0, undefined);
  if (joined.refused !== undefined) throw new Error(`refused: ${joined.refused}`);
  return joined;
}

const busy = { admission: { ratePerMinute: 60_000 }, queue: { alwaysOn: true } };

test('pausing stops admissions and not joins; resuming goes on where it stopped', async () => {
  const open = await openControl(inject('redisUrl'));
  const room = await createRoom(open, uniqueRoom(), busy);
  const path = `/api/rooms/${room.name}`;
  const reason = 'the log-in is down';
  expect(await open.call('POST', `${path}/pause`, { as: token.operator, body: { reason } })).toMatchObject({
    status: 200,
    body: { state: 'paused', flags: { paused: true }, version: 2 },
  });
  const { visitor } = await join(room);
  const samples = async () => (await open.call('GET', `${path}/history`)).body.entries;
  const before = (await samples()).length;
  await until(async () => (await samples()).length >= before + 2);
  expect(visitor.state).toBe('waiting');
  expect((await open.call('GET', `${path}/stats`)).body).toMatchObject({
    state: 'paused',
    waiting: 1,
    admitted: 0,
  });
  expect(await open.call('POST', `${path}/resume`)).toMatchObject({ body: { state: 'open' } });
  await until(() => visitor.state === 'admitted');
  const { entries } = (await open.call('GET', `${path}/audit`)).body;
  expect(entries).toMatchObject([
    { action: 'resume', author: 'admin', reason: '', changes: { 'flag.paused': '0' } },
    { action: 'pause', author: 'operator', reason },
    { action: 'create' },
  ]);
});

test('a drained room serves its queue and takes nobody new', async () => {
  const open = await openControl(inject('redisUrl'));
  const room = await createRoom(open, uniqueRoom(), { ...busy, admission: { ratePerMinute: 0 } });
  const path = `/api/rooms/${room.name}`;
  const { visitor } = await join(room);
  expect(await open.call('POST', `${path}/drain`)).toMatchObject({ body: { state: 'drained' } });
  expect(await visits.join(room, 0, undefined)).toEqual({ refused: 'drained' });
  await open.call('PATCH', path, { body: busy });
  await until(() => visitor.state === 'admitted');
});

test('a closed room ends its queue, and open opens it whatever closed it', async () => {
  const open = await openControl(inject('redisUrl'));
  const room = await createRoom(open, uniqueRoom(), { ...busy, admission: { ratePerMinute: 0 } });
  const path = `/api/rooms/${room.name}`;
  const { visitor } = await join(room);
  for (const action of ['pause', 'drain', 'close']) await open.call('POST', `${path}/${action}`);
  await until(() => visitor.state === 'rejected');
  expect(await visits.join(room, 0, undefined)).toEqual({ refused: 'closed' });
  expect(await open.call('POST', `${path}/open`)).toMatchObject({
    body: { state: 'open', flags: { closed: false, drained: false, paused: false } },
  });
  expect((await join(room)).visitor.state).toBe('waiting');
});

test('a reset begins a new run: nobody is left, flags are down, rules stay', async () => {
  const open = await openControl(inject('redisUrl'));
  const room = await createRoom(open, uniqueRoom(), { ...busy, admission: { ratePerMinute: 0 } });
  const path = `/api/rooms/${room.name}`;
  const { ticket } = await join(room);
  await open.call('POST', `${path}/pause`);
  const answer = await open.call('POST', `${path}/reset?reason=rehearsal%20over`);
  expect(answer).toMatchObject({
    status: 200,
    body: {
      run: 2,
      version: 3,
      state: 'open',
      counts: { waiting: 0 },
      rules: { admission: { ratePerMinute: 0 } },
    },
  });
  expect(await visits.find(room, ticket)).toEqual({ why: 'no-place' });
  expect((await open.call('GET', `${path}/audit?limit=1`)).body.entries).toMatchObject([
    { action: 'reset', author: 'admin', reason: 'rehearsal over', version: 3 },
  ]);
});

test.each([
  ['nothing', undefined, {}],
  ['an empty body called JSON', '', { 'content-type': 'application/json' }],
  ['null', 'null', { 'content-type': 'application/json' }],
  ['no reason', {}, {}],
])('an action takes %s for a body', async (_what, body, headers) => {
  const open = await openControl(inject('redisUrl'));
  const { name } = await createRoom(open, uniqueRoom(), {});
  const answer = await open.call('POST', `/api/rooms/${name}/pause`, { body, headers });
  expect(answer).toMatchObject({ status: 200, body: { state: 'paused' } });
});

test.each([
  ['a reason that is no text', '/pause', { reason: 5 }],
  ['a member that there is not', '/pause', { why: 'x' }],
  ['a reason without end', '/pause', { reason: 'x'.repeat(501) }],
  ['two reasons', '/pause?reason=a&reason=b', undefined],
  ['a stock that is missing a count', '/signals', { stock: { capacity: 5, held: 1 } }],
  ['a stock below nothing', '/signals', { stock: { capacity: 5, held: -1, sold: 0 } }],
  ['half a unit', '/signals', { stock: { capacity: 5, held: 0.5, sold: 0 } }],
  ['2^53 units', '/signals', { stock: { capacity: 2 ** 53, held: 0, sold: 0 } }],
  ['a stock that does not add up', '/signals', { stock: { capacity: 5, held: 3, sold: 3 } }],
  ['a stock that is text', '/signals', { stock: 'all gone' }],
  ['no signal', '/signals', undefined],
])('%s is refused and nothing is changed', async (_what, call, body) => {
  const open = await openControl(inject('redisUrl'));
  const { name } = await createRoom(open, uniqueRoom(), { stock: { follow: true } });
  const answer = await open.call('POST', `/api/rooms/${name}${call}`, { body });
  expect(answer).toMatchObject({ status: 400, body: { code: 'bad-request' } });
  expect((await open.call('GET', `/api/rooms/${name}`)).body).toMatchObject({ version: 1, state: 'open' });
  expect((await open.call('GET', `/api/rooms/${name}/stats`)).body.stock).toBe(null);
});

test('signals hold the queue, let it go on and end it, in a room that follows them and in no other', async () => {
  const open = await openControl(inject('redisUrl'));
  const room = await createRoom(open, uniqueRoom(), { ...busy, stock: { follow: true } });
  const other = await createRoom(open, uniqueRoom(), { ...busy, stock: { follow: false } });
  const signal = async (held: number, sold: number) => {
    for (const { name } of [room, other]) {
      const body = { stock: { capacity: 10, held, sold }, health: { p95LatencyMs: 12 } };
      const answer = await open.call('POST', `/api/rooms/${name}/signals`, { as: signalToken, body });
      expect(answer.status).toBe(204);
    }
  };
  await signal(4, 6);
  await until(() => room.state === 'stock-held');
  const first = await join(room);
  expect(first.visitor.state).toBe('waiting');
  await signal(3, 6);
  await until(() => first.visitor.state === 'admitted');
  await signal(4, 6);
  await until(() => room.state === 'stock-held');
  const second = await join(room);
  await signal(0, 10);
  await until(() => second.visitor.state === 'rejected');
  expect(await visits.join(room, 0, undefined)).toEqual({ refused: 'sold-out' });
  await signal(0, 9);
  await until(() => room.state === 'open');
  expect(other.state).toBe('open');
  expect((await open.call('GET', `/api/rooms/${room.name}/audit?limit=1`)).body.entries).toMatchObject([
    { action: 'signal', author: 'signal', changes: { capacity: '10', held: '0', sold: '9' } },
  ]);
});

test('a visitor who is revoked is out at once, on every gateway, and it is audited', async () => {
  const here = await openControl(inject('redisUrl'));
  const there = await openControl(inject('redisUrl'));
  const room = await createRoom(here, uniqueRoom(), { ...busy, admission: { ratePerMinute: 0 } });
  const { visitor, ticket } = await join(room);
  await until(() => there.rooms.get(room.name));
  const path = `/api/rooms/${room.name}/visitors`;
  expect(
    await there.call('DELETE', `${path}/${visitor.id}?reason=bot`, { as: token.operator }),
  ).toMatchObject({
    status: 204,
  });
  await until(() => visitor.state === 'revoked');
  const again = await visits.join(room, 0, ticket);
  expect(again.refused === undefined && again.visitor.id).not.toBe(visitor.id);
  expect(await there.call('DELETE', `${path}/${visitor.id}`)).toMatchObject({
    status: 404,
    body: { code: 'no-place' },
  });
  expect((await here.call('GET', `/api/rooms/${room.name}/audit?limit=1`)).body.entries).toMatchObject([
    { action: 'revoke', author: 'operator', reason: 'bot', changes: { visitor: visitor.id } },
  ]);
});

/** Events of a stream as they come. */
async function listen(open: OpenControl, room: string) {
  const { port } = open.app.server.address() as AddressInfo;
  const events: { type: string; data: Record<string, unknown> }[] = [];
  let ended = false;
  const options = { host: '127.0.0.1', port, path: `/api/rooms/${room}/stats/stream` };
  const request = get({ ...options, headers: { authorization: `Bearer ${token.viewer}` } }, (response) => {
    let text = '';
    response.on('data', (chunk: Buffer) => {
      text += chunk;
      const parts = text.split('\n\n');
      text = parts.pop() ?? '';
      for (const part of parts) {
        const [, type = '', data = '{}'] = /^event: (.*)\ndata: (.*)$/.exec(part) ?? [];
        events.push({ type, data: JSON.parse(data) });
      }
    });
    response.on('close', () => {
      ended = true;
    });
  });
  request.on('error', () => {
    ended = true;
  });
  cleanedUp(request, () => request.destroy());
  await until(() => events.length > 0);
  return { events, request, ended: () => ended };
}

test('numbers are streamed, no more than once a second, until the control plane closes', async () => {
  const open = await openControl(inject('redisUrl'));
  const room = await createRoom(open, uniqueRoom(), { ...busy, admission: { ratePerMinute: 0 } });
  await open.app.listen({ host: '127.0.0.1', port: 0 });
  const begunAt = Date.now();
  const first = await listen(open, room.name);
  const second = await listen(open, room.name);
  expect(first.events[0]).toMatchObject({
    type: 'stats',
    data: { room: room.name, waiting: 0, state: 'open' },
  });
  await join(room);
  await until(() => second.events.filter(({ data }) => data['waiting'] === 1).length >= 3);
  // Timers come late, and never early but for the rounding of clocks.
  for (const [second, { data }] of first.events.entries())
    expect(Number(data['at'])).toBeGreaterThanOrEqual(begunAt + second * 990 - 10);
  first.request.destroy();
  await open.app.close();
  await until(() => second.ended());
});

test('with Redis away changes and numbers answer 503 soon, the room is shown from memory, and all comes back', async () => {
  const redis = await startRedis();
  cleanedUp(redis, () => redis.stop());
  const open = await openControl(redis.url);
  const { name } = await createRoom(open, uniqueRoom(), { admission: { ratePerMinute: 77 } });
  const path = `/api/rooms/${name}`;
  await open.app.listen({ host: '127.0.0.1', port: 0 });
  const stream = await listen(open, name);
  expect(await open.call('GET', '/health/ready')).toMatchObject({ status: 200 });
  await redis.kill();
  await until(async () => (await open.call('GET', '/health/ready')).status === 503);
  const started = performance.now();
  const away = { status: 503, body: { code: 'unavailable' }, headers: { 'retry-after': expect.any(String) } };
  expect(await open.call('PATCH', path, { body: { admission: { ratePerMinute: 1 } } })).toMatchObject(away);
  expect(await open.call('POST', `${path}/pause`)).toMatchObject(away);
  expect(await open.call('POST', `${path}/reset`)).toMatchObject(away);
  expect(await open.call('GET', `${path}/stats`)).toMatchObject(away);
  expect(await open.call('GET', `${path}/audit`)).toMatchObject(away);
  expect(await open.call('GET', `${path}/stats/stream`)).toMatchObject(away);
  expect(await open.call('DELETE', `${path}/visitors/x`)).toMatchObject(away);
  expect(await open.call('POST', '/api/rooms', { body: { room: uniqueRoom() } })).toMatchObject(away);
  expect(await open.call('GET', path)).toMatchObject({
    status: 200,
    body: { state: 'redis-away', rules: { admission: { ratePerMinute: 77 } } },
  });
  // Not one of them has waited for the deadline of a command, which is two seconds.
  expect(performance.now() - started).toBeLessThan(12_000);
  await until(() => stream.events.at(-1)?.type === 'state');
  expect(stream.events.at(-1)?.data).toEqual({ room: name, state: 'redis-away' });
  cleanedUp(await startRedis({ port: redis.port }), (again) => again.stop());
  await until(async () => (await open.call('GET', '/health/ready')).status === 200);
  const changed = await until(async () => {
    const answer = await open.call('PATCH', path, { body: { admission: { ratePerMinute: 5 } } });
    return answer.status === 200 && answer.body;
  });
  expect(changed.rules.admission.ratePerMinute).toBe(5);
  await until(() => stream.events.at(-1)?.type === 'stats');
});

test('rooms of the file are made once; what the control plane changed stays', async () => {
  const open = await openControl(inject('redisUrl'));
  const name = uniqueRoom();
  const file = parseRoomsFile(`rooms: {${name}: {admission: {ratePerMinute: 12}}}`, 'rooms.yaml');
  await createMissingRooms(open.rooms, file);
  await open.call('PATCH', `/api/rooms/${name}`, { body: { admission: { ratePerMinute: 13 } } });
  await createMissingRooms(open.rooms, file);
  const again = await openControl(inject('redisUrl'));
  await createMissingRooms(again.rooms, file);
  for (const { call } of [open, again]) {
    expect((await call('GET', `/api/rooms/${name}`)).body).toMatchObject({
      version: 2,
      rules: { admission: { ratePerMinute: 13 } },
    });
  }
  expect((await open.call('GET', `/api/rooms/${name}/audit`)).body.entries.at(-1)).toMatchObject({
    author: 'rooms-file',
    action: 'create',
  });
});
