import { expect, inject, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { metricsToken, openControl, signalToken, token } from '../support/open-control.ts';
import { createRoom } from '../support/open-rooms.ts';

test('without a token that is known nothing below /api answers, not even that a room is unknown', async () => {
  const { call } = await openControl(inject('redisUrl'));
  for (const as of ['', 'a-token-of-nobody', signalToken]) {
    for (const path of [
      '/api/rooms',
      `/api/rooms/${uniqueRoom()}`,
      `/api/rooms/${uniqueRoom()}/stats/stream`,
    ]) {
      const answer = await call('GET', path, { as });
      expect(answer).toMatchObject({ status: 401, body: { code: 'token-required' } });
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
      expect(answer.headers['content-type']).toMatch(/problem\+json/);
    }
  }
  expect(await call('POST', '/api/rooms', { as: '', body: '{"bro' })).toMatchObject({ status: 401 });
  expect(await call('GET', '/api/rooms', { as: '', headers: { authorization: token.admin } })).toMatchObject({
    status: 401,
  });
});

test('a viewer reads, an operator changes, an admin makes rooms', async () => {
  const { call } = await openControl(inject('redisUrl'));
  const room = uniqueRoom();
  const path = `/api/rooms/${room}`;
  const refused = { status: 403, body: { code: 'role-required' } };
  for (const as of [token.viewer, token.operator]) {
    expect(await call('POST', '/api/rooms', { as, body: { room } })).toMatchObject(refused);
  }
  expect(await call('POST', '/api/rooms', { body: { room } })).toMatchObject({
    status: 201,
    headers: { location: path },
    body: { room, state: 'open', version: 1, run: 1, counts: { waiting: 0, admitted: 0, active: 0 } },
  });
  for (const what of ['', '/stats', '/audit', '/history']) {
    expect((await call('GET', `${path}${what}`, { as: token.viewer })).status).toBe(200);
  }
  const change = { body: { admission: { ratePerMinute: 7 } } };
  expect(await call('PATCH', path, { as: token.viewer, ...change })).toMatchObject(refused);
  for (const action of ['pause', 'resume', 'drain', 'close', 'open', 'reset', 'signals']) {
    expect(await call('POST', `${path}/${action}`, { as: token.viewer, body: {} })).toMatchObject(refused);
  }
  expect(await call('DELETE', `${path}/visitors/x`, { as: token.viewer })).toMatchObject(refused);
  const codes = { as: token.viewer, body: { codes: ['abcd'] } };
  expect(await call('POST', `${path}/codes`, codes)).toMatchObject(refused);
  expect(await call('POST', `${path}/codes/withdraw`, codes)).toMatchObject(refused);
  expect(await call('DELETE', `${path}/codes/0123456789ab`, { as: token.viewer })).toMatchObject(refused);
  for (const as of [token.viewer, token.operator]) {
    expect(await call('DELETE', path, { as })).toMatchObject(refused);
  }
  expect((await call('GET', path)).body.version).toBe(1);
  expect(await call('PATCH', path, { as: token.operator, ...change })).toMatchObject({
    status: 200,
    body: { version: 2, rules: { admission: { ratePerMinute: 7 } } },
  });
});

test('the signal token signals and does nothing else', async () => {
  const open = await openControl(inject('redisUrl'));
  const { name } = await createRoom(open, uniqueRoom(), {});
  const stock = { capacity: 10, held: 1, sold: 2 };
  const path = `/api/rooms/${name}`;
  expect(await open.call('POST', `${path}/signals`, { as: signalToken, body: { stock } })).toMatchObject({
    status: 204,
  });
  expect(await open.call('POST', `${path}/pause`, { as: signalToken })).toMatchObject({ status: 401 });
  expect((await open.call('GET', `${path}/stats`)).body.stock).toEqual(stock);
});

test('health, the description and its page need no token; metrics ask for theirs', async () => {
  const { app, call } = await openControl(inject('redisUrl'));
  for (const path of ['/health/live', '/health/ready', '/openapi.json', '/docs/']) {
    expect(await call('GET', path, { as: '' }), path).toMatchObject({ status: 200 });
  }
  expect((await call('GET', '/metrics', { as: '' })).status).toBe(401);
  const metrics = await call('GET', '/metrics', { as: metricsToken });
  expect(metrics).toMatchObject({
    status: 200,
    body: expect.stringContaining('ropeline_gateway_joins_total'),
  });
  await app.ready();
});

test('the description names every call with its role-guarding token and its problems', async () => {
  const { call } = await openControl(inject('redisUrl'));
  const { body: api } = await call('GET', '/openapi.json', { as: '' });
  expect(api.openapi).toBe('3.1.0');
  const calls = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method} ${path}`),
  );
  const ofRoom = '/api/rooms/{room}';
  expect(calls.sort()).toEqual(
    [
      'get /api/rooms',
      'post /api/rooms',
      `get ${ofRoom}`,
      `patch ${ofRoom}`,
      `delete ${ofRoom}`,
      ...['preview', 'codes', 'codes/withdraw'].map((name) => `post ${ofRoom}/${name}`),
      `get ${ofRoom}/codes`,
      `delete ${ofRoom}/codes/{batch}`,
      ...['pause', 'resume', 'drain', 'close', 'open', 'reset', 'signals'].map(
        (name) => `post ${ofRoom}/${name}`,
      ),
      `post ${ofRoom}/beacon`,
      ...['stats', 'stats/stream', 'audit', 'history', 'export'].map((name) => `get ${ofRoom}/${name}`),
      `delete ${ofRoom}/visitors/{visitor}`,
    ].sort(),
  );
  expect(api.paths[ofRoom].patch.responses['409'].description).toContain('`conflict`');
  expect(
    api.paths[ofRoom].patch.requestBody.content['application/json'].schema.properties.admission.required,
  ).toBe(undefined);
  expect(api.components.securitySchemes.operator).toEqual({ type: 'http', scheme: 'bearer' });
});
