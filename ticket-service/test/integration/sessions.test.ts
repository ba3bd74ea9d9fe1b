import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import { bearer, call, logIn } from '../support/http.ts';
import { type RunningService, startService } from '../support/start-service.ts';

let running: RunningService;
beforeAll(async () => {
  running = await startService({ env: { PASSWORD_PARALLELISM: '2' } });
});
afterAll(() => running.stop());

const enter = (id: string, password: string) => call(running, '/api/sessions', { json: { id, password } });
const refresh = (refreshToken: unknown) => call(running, '/api/sessions/refresh', { json: { refreshToken } });

describe('log-in', () => {
  test('gives who knows the password an access token of 30 minutes and a refresh token', async () => {
    const { status, body } = await enter('testuser1', 'qwer1234');
    expect(status).toBe(200);
    expect(body).toEqual({
      accessToken: expect.any(String),
      expiresAt: expect.any(Number),
      refreshToken: expect.any(String),
    });
    const minutes = (Number(body['expiresAt']) - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(29);
    expect(minutes).toBeLessThanOrEqual(30);
  });

  test('says the same of a wrong password, an unknown id and a member without a password', async () => {
    for (const [id, password] of [
      ['testuser2', 'qwer12345'],
      ['nobody-here', 'qwer1234'],
      ['source-system', 'qwer1234'],
    ] as const) {
      expect(await enter(id, password)).toMatchObject({ status: 401, body: { code: 'wrong-credentials' } });
    }
  });

  test('refuses an id after ten wrong passwords, the right one too, and nobody else', async () => {
    for (let guess = 0; guess < 10; guess += 1)
      expect((await enter('testuser3', `guess${guess}`)).status).toBe(401);
    const { status, headers, body } = await enter('testuser3', 'qwer1234');
    expect({ status, code: body['code'] }).toEqual({ status: 429, code: 'too-many-logins' });
    const wait = Number(headers.get('retry-after'));
    expect(wait).toBeGreaterThan(14 * 60);
    expect(wait).toBeLessThanOrEqual(15 * 60);
    expect((await enter('testuser4', 'qwer1234')).status).toBe(200);
  });

  test('does not let parallel guesses past the limit', async () => {
    const guesses = Array.from({ length: 60 }, (_, at) =>
      until(async () => {
        const { status } = await enter('testuser5', `guess${at}`);
        return status !== 503 && status;
      }),
    );
    const statuses = await Promise.all(guesses);
    const tried = statuses.filter((status) => status === 401).length;
    expect(tried).toBeGreaterThanOrEqual(10);
    // Two are checked at once: one more may have begun when the tenth proved wrong.
    expect(tried).toBeLessThanOrEqual(11);
    expect(statuses.filter((status) => status === 429)).toHaveLength(60 - tried);
  });

  test('never counts right passwords', async () => {
    for (let time = 0; time < 12; time += 1) expect((await enter('testuser6', 'qwer1234')).status).toBe(200);
  });

  test('answers a crowd, with 503 and Retry-After where it cannot serve, and serves again afterwards', async () => {
    const crowd = await Promise.all(
      Array.from({ length: 400 }, (_, at) => enter(`testuser${7 + (at % 10)}`, 'qwer1234')),
    );
    const served = crowd.filter(({ status }) => status === 200);
    const refused = crowd.filter(({ status }) => status === 503);
    expect(served.length + refused.length).toBe(400);
    expect(served.length).toBeGreaterThan(0);
    expect(refused.length).toBeGreaterThan(0);
    for (const { body, headers } of refused) {
      expect(body['code']).toBe('busy');
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    expect((await enter('testuser7', 'qwer1234')).status).toBe(200);
  });
});

describe('refresh', () => {
  test('gives new tokens, once', async () => {
    const { body: first } = await enter('testuser1', 'qwer1234');
    const second = await refresh(first['refreshToken']);
    expect(second.status).toBe(200);
    expect(second.body['refreshToken']).not.toBe(first['refreshToken']);
    expect(
      (
        await call(running, '/api/sessions', {
          method: 'DELETE',
          headers: bearer(String(second.body['accessToken'])),
        })
      ).status,
    ).toBe(204);
  });

  test('ends the session when a token is used twice', async () => {
    const { body: first } = await enter('testuser1', 'qwer1234');
    const second = await refresh(first['refreshToken']);
    expect(await refresh(first['refreshToken'])).toMatchObject({
      status: 401,
      body: { code: 'login-required' },
    });
    expect((await refresh(second.body['refreshToken'])).status).toBe(401);
  });

  test('lets one of two at the same moment through, and none after them', async () => {
    const { body } = await enter('testuser1', 'qwer1234');
    const both = await Promise.all([refresh(body['refreshToken']), refresh(body['refreshToken'])]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 401]);
    const won = both.find(({ status }) => status === 200);
    expect((await refresh(won?.body['refreshToken'])).status).toBe(401);
  });

  test('is over after log-out', async () => {
    const { body } = await enter('testuser1', 'qwer1234');
    const headers = bearer(String(body['accessToken']));
    expect((await call(running, '/api/sessions', { method: 'DELETE', headers })).status).toBe(204);
    expect((await refresh(body['refreshToken'])).status).toBe(401);
  });

  test('refuses what is no token', async () => {
    for (const token of [
      'x',
      `${'-'.repeat(36)}.${'a'.repeat(43)}`,
      `${crypto.randomUUID()}.${'a'.repeat(43)}`,
    ]) {
      expect(await refresh(token)).toMatchObject({ status: 401, body: { code: 'login-required' } });
    }
  });
});

describe('sign-up', () => {
  const signUp = (json: object) => call(running, '/api/members', { json });

  test('makes a member who can log in', async () => {
    expect(await signUp({ id: 'mina.kim', password: 'correct horse' })).toMatchObject({
      status: 201,
      body: { id: 'mina.kim', role: 'member' },
    });
    expect(await logIn(running, 'mina.kim', 'correct horse')).toEqual(expect.any(String));
  });

  test('lets one of many who want the same id at once have it', async () => {
    const all = await Promise.all(
      Array.from({ length: 8 }, () => signUp({ id: 'same-id', password: 'correct horse' })),
    );
    expect(all.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409, 409, 409]);
    expect(all.find(({ status }) => status === 409)?.body).toMatchObject({ code: 'member-exists' });
  });

  test('refuses ids and passwords out of bounds, and roles', async () => {
    for (const body of [
      { id: 'ab', password: 'correct horse' },
      { id: 'has space', password: 'correct horse' },
      { id: 'source:1', password: 'correct horse' },
      { id: 'shorty', password: 'short' },
      { id: 'longy', password: 'x'.repeat(129) },
      { id: 'sneaky', password: 'correct horse', role: 'admin' },
      { id: 12345, password: 'correct horse' },
    ]) {
      expect(await signUp(body)).toMatchObject({ status: 400, body: { code: 'bad-request' } });
    }
  });
});
