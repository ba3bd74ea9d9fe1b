import type { Status } from '@ropeline/core/protocol/status.ts';
import { expect, inject, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { openControl, token } from '../support/open-control.ts';
import { createRoom } from '../support/open-rooms.ts';
import { privateRedis, startGateway, type TestGateway } from '../support/start-gateway.ts';

const lanes = [
  { name: 'standard', weight: 1 },
  { name: 'priority', weight: 3 },
];
const held = { queue: { alwaysOn: true }, admission: { ratePerMinute: 0 }, lanes };

type Joined = { readonly status: number; readonly body: Status & { readonly code?: string } };

/** Two gateways and a control plane over one room. */
async function started(rules: object = {}) {
  const redisUrl = await privateRedis();
  const here = await startGateway({ rules: { ...held, ...rules }, redisUrl });
  const there = await startGateway({ redisUrl, roomName: here.room.name });
  const control = await openControl(redisUrl);
  const join = async (gateway: TestGateway, body: object, ticket?: string): Promise<Joined> => {
    const answer = await fetch(`${gateway.origin}/_ropeline/rooms/${here.room.name}/join`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(ticket === undefined ? {} : { authorization: `Bearer ${ticket}` }),
      },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as Joined['body'] };
  };
  const path = `/api/rooms/${here.room.name}`;
  return {
    here,
    there,
    control,
    path,
    join,
    make: async (body: object): Promise<{ batch: string; codes: string[] }> => {
      const made = await control.call('POST', `${path}/codes`, { as: token.operator, body });
      expect(made.status).toBe(201);
      return made.body;
    },
    batches: async () => (await control.call('GET', `${path}/codes`, { as: token.viewer })).body.batches,
  };
}
const refused = { status: 403, body: { code: 'lane-not-allowed' } };

test('a code grants its lane, whatever lane is asked for and however it is typed', async () => {
  const { here, join, make } = await started();
  const { codes } = await make({ lane: 'priority', count: 3 });
  expect(codes).toHaveLength(3);
  expect(codes[0]).toMatch(/^([2-9A-HJ-NP-Z]{4}-){2}[2-9A-HJ-NP-Z]{4}$/);
  const typed = (codes[0] ?? '').toLowerCase().replaceAll('-', ' ');
  expect(await join(here, { code: typed })).toMatchObject({
    status: 201,
    body: { lane: 'priority', position: 1 },
  });
  expect(await join(here, { lane: 'standard', code: codes[1] })).toMatchObject({
    body: { lane: 'priority', position: 2 },
  });
  expect(await join(here, { lane: 'priority' })).toMatchObject(refused);
  expect(await join(here, { code: 'no-such-code' })).toMatchObject(refused);
  expect(await join(here, {})).toMatchObject({ status: 201, body: { lane: 'standard', position: 1 } });
});

test('a code for one use is used once, by however many visitors at however many gateways at a time', async () => {
  const { here, there, join, make, batches } = await started();
  const { codes } = await make({ lane: 'priority', count: 1 });
  const { codes: twice } = await make({ lane: 'priority', codes: ['OPENING-NIGHT'], uses: 2 });
  const attempts = (code: unknown) =>
    Array.from({ length: 40 }, (_, i) => join(i % 2 === 0 ? here : there, { code }));
  const once = await Promise.all(attempts(codes[0]));
  expect(once.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(once.filter(({ status }) => status === 403)).toHaveLength(39);
  const both = await Promise.all(attempts(twice[0]));
  expect(both.filter(({ status }) => status === 201)).toHaveLength(2);
  expect(await batches()).toMatchObject([
    { uses: 2, used: 2 },
    { uses: 1, used: 1 },
  ]);
});

test('who joins again with the code that gave the place has the same place and uses it no second time', async () => {
  const { here, there, join, make, batches } = await started();
  const { codes } = await make({ lane: 'priority', count: 1, uses: 2 });
  const first = await join(here, { code: codes[0] });
  for (const gateway of [here, there]) {
    const again = await join(gateway, { code: codes[0] }, first.body.place);
    expect(again).toMatchObject({ status: 200, body: { visitor: first.body.visitor, lane: 'priority' } });
  }
  expect(await batches()).toMatchObject([{ used: 1 }]);
});

test('who stands in another lane moves to the end of that of the code, and stands nowhere twice', async () => {
  const { here, join, make, control, path } = await started();
  const { codes } = await make({ lane: 'priority', count: 2 });
  await join(here, { code: codes[0] });
  const waiting = await join(here, {});
  expect(await join(here, { code: 'wrong' }, waiting.body.place)).toMatchObject(refused);
  const moved = await join(here, { code: codes[1] }, waiting.body.place);
  expect(moved).toMatchObject({ status: 201, body: { lane: 'priority', position: 2 } });
  expect((await control.call('GET', `${path}/stats`)).body.lanes).toMatchObject([
    { lane: 'standard', waiting: 0 },
    { lane: 'priority', waiting: 2 },
  ]);
});

test('a place that is over does not keep the lane that a code had granted', async () => {
  const { here, join, make } = await started();
  const { codes } = await make({ lane: 'priority', count: 1 });
  const { body } = await join(here, { code: codes[0] });
  const answer = await fetch(`${here.origin}/_ropeline/rooms/${here.room.name}/place`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${body.place}` },
  });
  expect(answer.status).toBe(204);
  expect(await join(here, {}, body.place)).toMatchObject({ status: 201, body: { lane: 'standard' } });
  expect(await join(here, { code: codes[0] })).toMatchObject(refused);
});

test('expired and withdrawn codes grant nothing; places taken with them stay', async () => {
  const { here, join, make, control, path, batches } = await started();
  const { codes: over } = await make({ lane: 'priority', count: 1, expiresAt: Date.now() - 1 });
  expect(await join(here, { code: over[0] })).toMatchObject(refused);
  const { batch, codes } = await make({ lane: 'priority', count: 3, label: 'press' });
  const { body } = await join(here, { code: codes[0] });
  const single = { as: token.operator, body: { codes: [codes[1], 'unknown-one'] } };
  expect((await control.call('POST', `${path}/codes/withdraw`, single)).body).toEqual({ withdrawn: 1 });
  expect(await join(here, { code: codes[1] })).toMatchObject(refused);
  expect((await batches())[0]).toMatchObject({ batch, label: 'press', codes: 3, used: 1, withdrawn: 1 });
  expect(await control.call('DELETE', `${path}/codes/${batch}`)).toMatchObject({ status: 204 });
  expect(await control.call('DELETE', `${path}/codes/${batch}`)).toMatchObject({ status: 404 });
  expect(await join(here, { code: codes[2] })).toMatchObject(refused);
  expect(await join(here, {}, body.place)).toMatchObject({ status: 200, body: { lane: 'priority' } });
  // One hash is left: the expired code, whose batch was not withdrawn.
  expect(await here.open.redis.hlen(here.room.cursor.keys.codes)).toBe(1);
});

test('a room for the invited takes nobody without a code, and whoever has one', async () => {
  const { here, join, make } = await started({ queue: { alwaysOn: true, inviteOnly: true } });
  expect(await join(here, {})).toMatchObject(refused);
  const { codes } = await make({ count: 1 });
  const { body } = await join(here, { code: codes[0] });
  expect(body).toMatchObject({ lane: 'standard', position: 1 });
  expect(await join(here, {}, body.place)).toMatchObject({ status: 200, body: { visitor: body.visitor } });
});

test('a closed or full room refuses without using the code', async () => {
  const { here, join, make, batches, control, path } = await started();
  const { codes } = await make({ lane: 'priority', count: 1 });
  await control.call('POST', `${path}/drain`);
  expect(await join(here, { code: codes[0] })).toMatchObject({
    status: 409,
    body: { code: 'room-closed' },
  });
  expect(await batches()).toMatchObject([{ used: 0 }]);
});

test('Redis holds no code, only its hash, which differs from room to room', async () => {
  const open = await openControl(inject('redisUrl'));
  const fields = [];
  for (const name of [uniqueRoom(), uniqueRoom()]) {
    const room = await createRoom(open, name, {});
    await open.call('POST', `/api/rooms/${name}/codes`, { body: { codes: ['VIP-2026'] } });
    fields.push(...(await open.redis.hkeys(room.cursor.keys.codes)));
  }
  expect(new Set(fields).size).toBe(2);
  expect(fields.join()).not.toMatch(/VIP/);
});

test('what makes no sense is refused whole', async () => {
  const open = await openControl(inject('redisUrl'));
  const { name } = await createRoom(open, uniqueRoom(), {});
  const make = (body: object) => open.call('POST', `/api/rooms/${name}/codes`, { body });
  for (const body of [
    {},
    { count: 1, codes: ['abcd'] },
    { count: 0 },
    { count: 5_001 },
    { codes: ['a - b'] },
    { codes: ['same-code', 'SAMECODE'] },
    { count: 1, lane: 'nowhere' },
    { count: 1, unknown: true },
  ]) {
    expect(await make(body), JSON.stringify(body)).toMatchObject({
      status: 400,
      body: { code: 'bad-request' },
    });
  }
  expect((await make({ codes: ['first-code'] })).status).toBe(201);
  expect(await make({ codes: ['other-code', 'first code'] })).toMatchObject({
    status: 409,
    body: { code: 'conflict', detail: expect.stringContaining('codes.1') },
  });
  expect((await open.call('GET', `/api/rooms/${name}/codes`)).body.batches).toHaveLength(1);
  expect((await make({ codes: ['other-code'] })).status).toBe(201);
});

test('the page has a form for a code; a code that grants nothing is answered there', async () => {
  const { here, make } = await started({ queue: { alwaysOn: true, inviteOnly: true } });
  const base = `${here.origin}/_ropeline/rooms/${here.room.name}`;
  const cookie = 'ropeline_test=1';
  const show = async (address: string, cookies = cookie): Promise<string> =>
    (await fetch(new URL(address, base), { headers: { cookie: cookies } })).text();
  const page = await show(`${base}/page?to=%2Fshop`);
  expect(page).toContain('For the invited');
  expect(page).toMatch(/<details id="have-code" open>/);
  const send = (code: string): Promise<Response> =>
    fetch(`${base}/join`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ to: '/shop', code }),
    });
  const wrong = await send('wrong');
  expect(wrong.status).toBe(303);
  expect(await show(wrong.headers.get('location') ?? '')).toContain('This code is not known');
  const { codes } = await make({ count: 1 });
  const right = await send(codes[0] ?? '');
  expect([right.status, right.headers.get('location')]).toEqual([
    303,
    `/_ropeline/rooms/${here.room.name}/page?to=%2Fshop`,
  ]);
  const place = right.headers.getSetCookie().join().split(';')[0] ?? '';
  expect(await show(right.headers.get('location') ?? '', `${cookie}; ${place}`)).toContain('You are in line');
});
