import { PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import { expect, inject, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import type { LiveRoom } from '../../src/queue/live-room.ts';
import { defaultRules } from '../../src/queue/rules.ts';
import { type Joined, Visits } from '../../src/queue/visitors/visits.ts';
import { openControl, token } from '../support/open-control.ts';
import { createRoom } from '../support/open-rooms.ts';

const visits = new Visits(new PlaceTickets(['a secret of at least thirty-two bytes']));

async function join(room: LiveRoom): Promise<Joined> {
  const joined = await visits.join(room, 0, undefined);
  if (joined.refused !== undefined) throw new Error(`refused: ${joined.refused}`);
  return joined;
}

test('a patch merges nested rules, null takes one back, and both gateways know it', async () => {
  const here = await openControl(inject('redisUrl'));
  const there = await openControl(inject('redisUrl'));
  const { name } = await createRoom(here, uniqueRoom(), { queue: { maxWaiting: 9 } });
  const path = `/api/rooms/${name}`;
  await until(() => there.rooms.get(name));
  const body = {
    admission: { ratePerMinute: 90 },
    page: { message: '잠시만요' },
    match: { hosts: ['a.example'] },
  };
  const patched = await here.call('PATCH', path, { body });
  expect(patched).toMatchObject({ status: 200, headers: { etag: '"2"' } });
  expect(patched.body.rules).toEqual({
    ...defaultRules,
    admission: { ...defaultRules.admission, ratePerMinute: 90 },
    queue: { ...defaultRules.queue, maxWaiting: 9 },
    page: { message: '잠시만요' },
    match: { hosts: ['a.example'], paths: [] },
  });
  await until(async () => (await there.call('GET', path)).body.version === 2);
  const back = { admission: { ratePerMinute: null }, queue: { maxWaiting: null }, page: { message: null } };
  const answer = await there.call('PATCH', path, { body: back });
  expect(answer.body.rules).toEqual({ ...defaultRules, match: { hosts: ['a.example'], paths: [] } });
  await until(async () => {
    const { body: seen } = await here.call('GET', path);
    return seen.version === 3 && seen.rules.queue.maxWaiting === 0;
  });
});

test('a new rate admits who waits, and is in the numbers', async () => {
  const open = await openControl(inject('redisUrl'));
  const room = await createRoom(open, uniqueRoom(), {
    admission: { ratePerMinute: 0 },
    queue: { alwaysOn: true },
  });
  const visitors = await Promise.all(Array.from({ length: 5 }, () => join(room)));
  await until(() => room.sketches[0]?.waiting === 5);
  expect(visitors.every(({ visitor }) => visitor.state === 'waiting')).toBe(true);
  await open.call('PATCH', `/api/rooms/${room.name}`, { body: { admission: { ratePerMinute: 60_000 } } });
  await until(() => visitors.every(({ visitor }) => visitor.state === 'admitted'));
  const { body: stats } = await open.call('GET', `/api/rooms/${room.name}/stats`);
  expect(stats).toMatchObject({ waiting: 0, admitted: 5, totals: { joined: 5, turns: 5 } });
});

test('a change is audited with the name of the token, its reason and only the fields that differ', async () => {
  const open = await openControl(inject('redisUrl'));
  const { name } = await createRoom(open, uniqueRoom(), {});
  const path = `/api/rooms/${name}`;
  const body = { admission: { ratePerMinute: 90, capacity: defaultRules.admission.capacity } };
  const reason = encodeURIComponent('로그인이 느려서 & so');
  await open.call('PATCH', `${path}?reason=${reason}`, { as: token.operator, body });
  await open.call('PATCH', path, { as: token.operator, body });
  const { body: audit } = await open.call('GET', `${path}/audit`, { as: token.viewer });
  expect(audit.next).toBe(null);
  expect(audit.entries).toMatchObject([
    {
      version: 2,
      author: 'operator',
      action: 'patch',
      reason: '로그인이 느려서 & so',
      changes: { 'admission.ratePerMinute': '90' },
    },
    { version: 1, author: 'test', action: 'create' },
  ]);
  expect(Object.keys(audit.entries[0].changes)).toHaveLength(1);
  expect(Math.abs(audit.entries[0].at - Date.now())).toBeLessThan(60_000);
});

test('audit and history come in pages, newest first', async () => {
  const open = await openControl(inject('redisUrl'));
  const room = await createRoom(open, uniqueRoom(), { admission: { ratePerMinute: 0 } });
  const path = `/api/rooms/${room.name}`;
  for (const rate of [1, 2, 3, 4]) {
    await open.call('PATCH', path, { body: { admission: { ratePerMinute: rate } } });
  }
  const first = (await open.call('GET', `${path}/audit?limit=3`)).body;
  const second = (await open.call('GET', `${path}/audit?limit=3&before=${first.next}`)).body;
  const versions = [...first.entries, ...second.entries].map(({ version }: { version: number }) => version);
  expect(versions).toEqual([5, 4, 3, 2, 1]);
  expect(second.next).toBe(null);

  await open.call('PATCH', path, { body: { admission: { ratePerMinute: 0 } } });
  await join(room);
  const samples = await until(async () => {
    const { entries } = (await open.call('GET', `${path}/history?limit=2`)).body;
    return entries.length === 2 && entries[0].waiting === 1 ? entries : undefined;
  });
  expect(samples[0].at).toBeGreaterThan(samples[1].at);
  expect(samples[0]).toMatchObject({ admitted: 0, active: 0, totals: { joined: 1, turns: 0 } });
  for (const query of ['limit=0', 'limit=1001', 'limit=x', 'before=-', 'limit=1&limit=2']) {
    expect(await open.call('GET', `${path}/audit?${query}`), query).toMatchObject({
      status: 400,
      body: { code: 'bad-request' },
    });
  }
});

test('who was not the first to change is told so by If-Match, and by nothing else', async () => {
  const open = await openControl(inject('redisUrl'));
  const { name } = await createRoom(open, uniqueRoom(), {});
  const path = `/api/rooms/${name}`;
  const patch = (rate: number, match?: string) =>
    open.call('PATCH', path, {
      body: { admission: { ratePerMinute: rate } },
      ...(match === undefined ? {} : { headers: { 'if-match': match } }),
    });
  const seen = (await open.call('GET', path)).headers['etag'] as string;
  expect(await patch(100, seen)).toMatchObject({ status: 200, headers: { etag: '"2"' } });
  expect(await patch(200, seen)).toMatchObject({ status: 409, body: { code: 'conflict', version: 2 } });
  expect(await patch(300, 'soon')).toMatchObject({ status: 400, body: { code: 'bad-request' } });
  expect((await open.call('GET', path)).body).toMatchObject({
    version: 2,
    rules: { admission: { ratePerMinute: 100 } },
  });
  expect(await patch(200, '*')).toMatchObject({ status: 200 });
});

test('changes made at once through two gateways all take effect, each on what the others left', async () => {
  const [here, there] = [await openControl(inject('redisUrl')), await openControl(inject('redisUrl'))];
  const { name } = await createRoom(here, uniqueRoom(), {});
  await until(() => there.rooms.get(name));
  const patches = [
    { admission: { ratePerMinute: 11 } },
    { admission: { capacity: 12 } },
    { claim: { windowSeconds: 13 } },
    { session: { ttlSeconds: 14 } },
  ];
  const answers = await Promise.all(
    patches.map((body, i) => (i % 2 === 0 ? here : there).call('PATCH', `/api/rooms/${name}`, { body })),
  );
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect((await here.call('GET', `/api/rooms/${name}/audit`)).body.entries).toHaveLength(5);
  await until(async () => {
    const { rules } = (await here.call('GET', `/api/rooms/${name}`)).body;
    return (
      rules.admission.ratePerMinute === 11 &&
      rules.admission.capacity === 12 &&
      rules.claim.windowSeconds === 13 &&
      rules.session.ttlSeconds === 14
    );
  });
});

test('a lane in which somebody stands stays; an empty one may go', async () => {
  const open = await openControl(inject('redisUrl'));
  const lanes = [
    { name: 'standard', weight: 1 },
    { name: 'priority', weight: 3 },
  ];
  const room = await createRoom(open, uniqueRoom(), { admission: { ratePerMinute: 0 }, lanes });
  const path = `/api/rooms/${room.name}`;
  const joined = await visits.join(room, 1, undefined);
  expect(joined.refused).toBe(undefined);
  const body = { lanes: [lanes[0]] };
  expect(await open.call('PATCH', path, { body })).toMatchObject({ status: 409, body: { code: 'conflict' } });
  expect((await open.call('GET', path)).body.rules.lanes).toEqual(lanes);
  if (joined.refused === undefined) await visits.leave(room, joined.visitor.id);
  expect(await open.call('PATCH', path, { body })).toMatchObject({ status: 200, body: { rules: body } });
});

test.each([
  ['a rate that is text', { admission: { ratePerMinute: '90' } }, ['admission.ratePerMinute']],
  ['a rate below nothing', { admission: { ratePerMinute: -1 } }, ['admission.ratePerMinute']],
  ['half an admission', { admission: { ratePerMinute: 0.5 } }, ['admission.ratePerMinute']],
  ['a rate of 2^53', { admission: { ratePerMinute: 2 ** 53 } }, ['admission.ratePerMinute']],
  ['a rule that there is not', { admision: {} }, ['rules']],
  ['a nested rule that there is not', { queue: { constructor: null } }, ['queue']],
  ['a rule in place of many', { admission: 5 }, ['admission']],
  ['no lanes', { lanes: [] }, ['lanes']],
  [
    'two lanes of one name',
    {
      lanes: [
        { name: 'a', weight: 1 },
        { name: 'a', weight: 2 },
      ],
    },
    ['lanes'],
  ],
  ['closing before opening', { schedule: { opensAt: 2_000, closesAt: 1_000 } }, ['schedule.closesAt']],
  ['an upstream that is no origin', { upstream: 'file:///etc/passwd' }, ['upstream']],
  ['an upstream that cannot be read', { upstream: 'http://[::' }, ['upstream']],
  [
    'a network that is none',
    { bypass: [{ addresses: ['10.0.0.0/99'], allow: true }] },
    ['bypass.0.addresses'],
  ],
  [
    'several at once',
    { admission: { burst: 'x', capacity: 1e12 }, claim: { confirm: 'maybe' } },
    ['admission.burst', 'admission.capacity', 'claim.confirm'],
  ],
])('%s is refused with its path and nothing is changed', async (_what, body, paths) => {
  const open = await openControl(inject('redisUrl'));
  const { name } = await createRoom(open, uniqueRoom(), {});
  const answer = await open.call('PATCH', `/api/rooms/${name}`, { body });
  expect(answer).toMatchObject({ status: 400, body: { code: 'bad-request' } });
  const found = answer.body.problems.map(({ path }: { path: string }) => path);
  for (const path of paths) expect(found).toContain(path);
  expect((await open.call('GET', `/api/rooms/${name}`)).body).toMatchObject({
    version: 1,
    rules: defaultRules,
  });
  const made = await open.call('POST', '/api/rooms', { body: { room: uniqueRoom(), rules: body } });
  expect(made).toMatchObject({ status: 400, body: { problems: answer.body.problems } });
});

test.each([
  ['malformed JSON', '{"admission":', 400, 'bad-request', 'application/json'],
  ['no body', '', 400, 'bad-request', 'application/json'],
  ['a list', '[]', 400, 'bad-request', 'application/json'],
  ['null', 'null', 400, 'bad-request', 'application/json'],
  ['a prototype', '{"__proto__": {"admission": {}}}', 400, 'bad-request', 'application/json'],
  ['a form', 'admission=5', 415, 'unsupported-media-type', 'application/x-www-form-urlencoded'],
  ['100 KB', `{"page":{"message":"${'x'.repeat(100_000)}"}}`, 413, 'too-large', 'application/json'],
])('%s as a patch is a problem', async (_what, body, status, code, type) => {
  const open = await openControl(inject('redisUrl'));
  const { name } = await createRoom(open, uniqueRoom(), {});
  const headers = { 'content-type': type };
  const answer = await open.call('PATCH', `/api/rooms/${name}`, { body, headers });
  expect(answer).toMatchObject({ status, body: { code } });
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect((await open.call('GET', `/api/rooms/${name}`)).body.version).toBe(1);
});

test('a room that is not there is unknown to every call, and a name that cannot be is no name', async () => {
  const { call } = await openControl(inject('redisUrl'));
  for (const room of [uniqueRoom(), 'No Room', 'x'.repeat(99)]) {
    const path = `/api/rooms/${encodeURIComponent(room)}`;
    const unknown = { status: 404, body: { code: 'unknown-room' } };
    expect(await call('GET', path)).toMatchObject(unknown);
    expect(await call('PATCH', path, { body: {} })).toMatchObject(unknown);
    expect(await call('POST', `${path}/pause`)).toMatchObject(unknown);
    expect(await call('GET', `${path}/stats/stream`)).toMatchObject(unknown);
    expect(await call('POST', `${path}/signals`, { body: {} })).toMatchObject(unknown);
  }
  for (const path of ['/api/rooms/%ff', `/api/rooms/${'x'.repeat(200)}`]) {
    expect(await call('GET', path)).toMatchObject({ status: 400, body: { code: 'bad-request' } });
  }
  for (const room of ['', 'No Room', 'x'.repeat(41), 7, null]) {
    expect(await call('POST', '/api/rooms', { body: { room } })).toMatchObject({ status: 400 });
  }
  expect(await call('POST', '/api/rooms', { body: { room: uniqueRoom(), rate: 5 } })).toMatchObject({
    status: 400,
  });
});

test('a room is made once', async () => {
  const { call } = await openControl(inject('redisUrl'));
  const room = uniqueRoom();
  const rules = { admission: { ratePerMinute: 30 } };
  expect(await call('POST', '/api/rooms', { body: { room, rules } })).toMatchObject({ status: 201 });
  expect(await call('POST', '/api/rooms', { body: { room } })).toMatchObject({
    status: 409,
    body: { code: 'room-exists' },
  });
  expect((await call('GET', `/api/rooms/${room}`)).body.rules).toEqual({
    ...defaultRules,
    admission: { ...defaultRules.admission, ratePerMinute: 30 },
  });
  const { body } = await call('GET', '/api/rooms');
  expect(body.rooms.find((one: { room: string }) => one.room === room)).toMatchObject({ ratePerMinute: 30 });
});
