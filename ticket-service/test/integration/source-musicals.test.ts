import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inParallel } from '../../../testing/in-parallel.ts';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { type Answer, bearer, call, logIn } from '../support/http.ts';
import { type RunningService, startService } from '../support/start-service.ts';

let running: RunningService;
beforeAll(async () => {
  running = await startService({ sourceSystems: true, env: { SOURCE_ROUTES: 'true' } });
});
afterAll(() => running.stop());

const reserve = (token: string, musical: number | string, json: unknown): Promise<Answer> =>
  call(running, `/api/reservations/${musical}`, { json, headers: { authorization: token } });
const list = async (path: string) =>
  (await call(running, `/api/test/performance/${path}`)).body as unknown as Record<string, unknown>[];

test('sells a seat to one of two who want it at once; the token comes bare, and the other hears 400', async () => {
  const tokens = await Promise.all(['testuser1', 'testuser2'].map((id) => logIn(running, id)));
  const answers = await Promise.all(tokens.map((token) => reserve(token, 1, { seatName: 'A1' })));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 400]);
  for (const { status, body } of answers)
    expect(body).toEqual({ message: status === 200 ? 'A1 is reserved' : 'A1 is taken' });
  const winner = answers.findIndex(({ status }) => status === 200);
  const mine = await call(running, '/api/orders', { headers: bearer(tokens[winner] ?? '') });
  expect(mine.body).toMatchObject({ orders: [{ state: 'COMPLETED', units: ['A1'] }] });
  expect(await reserve(tokens[winner] ?? '', 2, { seatName: 'A1' })).toMatchObject({ status: 200 });
});

test('sells 140 of 140 seats to a crowd, each once', async () => {
  const tokens = await Promise.all(Array.from({ length: 5 }, (_, n) => logIn(running, `testuser${n + 3}`)));
  const answers = await inParallel(200, [...Array(420).keys()], (n) =>
    reserve(tokens[n % 5] ?? '', 3, { seatName: `A${(n % 140) + 1}` }),
  );
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(140);
  expect(answers.filter(({ status }) => status === 400)).toHaveLength(280);
  expect(await reserve(tokens[0] ?? '', 3, { seatName: 'A7' })).toMatchObject({ status: 400 });
});

test('refuses without a token, for a seat or a musical that there is not, and without a seat', async () => {
  const token = await logIn(running);
  expect(await reserve('', 1, { seatName: 'A2' })).toMatchObject({ status: 401 });
  expect(await reserve('nonsense', 1, { seatName: 'A2' })).toMatchObject({ status: 401 });
  expect(await reserve(token, 201, { seatName: 'A2' })).toMatchObject({ status: 404 });
  expect(await reserve(token, 'x', { seatName: 'A2' })).toMatchObject({ status: 400 });
  expect(await reserve(token, 1, { seatName: 'Z9' })).toMatchObject({
    status: 400,
    body: { message: 'There is no seat Z9' },
  });
  expect(await reserve(token, 1, {})).toMatchObject({
    status: 400,
    body: { code: 'bad-request', status: 400, title: 'The request is malformed' },
  });
});

test('lists 200 musicals, and the five that sold most', async () => {
  const all = await list('musicals/all');
  expect(all).toHaveLength(200);
  expect(all[9]).toEqual({ id: 10, title: 'Musical 10', seats: 140, available: 140 });
  const token = await logIn(running);
  expect((await reserve(token, 50, { seatName: 'A1' })).status).toBe(200);
  expect((await reserve(token, 50, { seatName: 'A2' })).status).toBe(200);
  const top = await until(async () => {
    const found = await list('musicals/top5');
    return found.find(({ id }) => id === 50)?.['available'] === 138 && found;
  });
  const sold = top.map(({ seats, available }) => Number(seats) - Number(available));
  expect(top).toHaveLength(5);
  expect(sold).toEqual(sold.toSorted((a, b) => b - a));
});

test('shows the same seat map from memory and, once it is written down, from the database', async () => {
  const token = await logIn(running);
  expect((await reserve(token, 60, { seatName: 'A3' })).status).toBe(200);
  const taken = (seats: readonly Record<string, unknown>[]) =>
    seats.filter(({ reserved }) => reserved === true).map(({ seatName }) => seatName);
  await until(async () => taken(await list('seats/60/cached')).length === 1);
  const cached = await list('seats/60/cached');
  expect(cached).toHaveLength(140);
  expect(cached[2]).toEqual({ seatName: 'A3', section: 'stalls', priceMinor: 90_000, reserved: true });
  expect(taken(await list('seats/60/db'))).toEqual([]);
  await spawnService('workers/src/main.ts', 'WORKERS_PORT', {
    TICKET_REDIS_URL: running.redisUrl,
    DATABASE_URL: running.databaseUrl,
  });
  await until(async () => taken(await list('seats/60/db')).length === 1);
  expect(await list('seats/60/db')).toEqual(cached);
  expect((await call(running, '/api/test/performance/seats/999/db')).status).toBe(404);
  expect((await call(running, '/api/test/performance/seats/999/cached')).status).toBe(404);
});

test('health of the process says UP, and DOWN when Postgres does not answer', async () => {
  expect(await call(running, '/actuator/health')).toMatchObject({ status: 200, body: { status: 'UP' } });
  const name = new URL(running.databaseUrl).pathname.slice(1);
  const admin = new pg.Client({ connectionString: running.databaseUrl.replace(`/${name}`, '/postgres') });
  await admin.connect();
  try {
    await admin.query(`alter database "${name}" allow_connections false`);
    await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
    expect(await call(running, '/actuator/health')).toMatchObject({ status: 503, body: { status: 'DOWN' } });
  } finally {
    await admin.query(`alter database "${name}" allow_connections true`);
    await admin.end();
  }
  await until(async () => (await call(running, '/actuator/health')).status === 200);
});
