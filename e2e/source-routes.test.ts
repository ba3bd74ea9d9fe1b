import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { completedUnits } from '../loadtest/check/books.ts';
import { readLedger } from '../loadtest/check/ledger.ts';
import { inParallel } from '../testing/in-parallel.ts';
import { until } from '../testing/until.ts';
import { type Answer, call } from './support/call.ts';
import { demoPassword } from './support/shopper.ts';
import { useRopeline } from './support/use-ropeline.ts';
import { watchDemo } from './support/watch-demo.ts';

const ropeline = useRopeline({ ENTRY_REQUIRED: 'false' });
const at = (path: string): string => ropeline().addresses.ticket + path;
const json = 'application/json';
/** What `curl -d` says of a body that is JSON all the same. */
const form = 'application/x-www-form-urlencoded';

describe('the ticket system that is replaced', () => {
  test('logs in by id and password', async () => {
    const right = await logIn(demoPassword);
    expect(right.status).toBe(200);
    expect(right.body).toEqual({ data: { accessToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/) } });
    expect((await logIn('wrong')).status).toBe(401);
    const unknown = await call('POST', at('/member/login'), {
      json: { id: 'nobody', password: demoPassword },
    });
    expect(unknown.status).toBe(401);
  });

  test('asks for the token on a reserve', async () => {
    for (const token of [undefined, '', 'x.y.z', 'Bearer ']) {
      expect((await reserve(token)).status, String(token)).toBe(401);
    }
    expect((await reserve(await tokenOf(1), 2)).status).toBe(404);
  });

  test('sells at once, with a content type and no body at all, until the 1,000 are gone', async () => {
    const watch = await watchDemo(ropeline());
    try {
      const token = await tokenOf(1);
      const answers = await inParallel(50, Array.from({ length: 1_050 }), () => reserve(token));
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(1_000);
      expect(statuses.filter((status) => status === 409)).toHaveLength(50);
      expect(await watch.stock()).toEqual({ capacity: 1_000, held: 0, sold: 1_000 });
      await until(async () => (await watch.sample()).outbox === 0);
      const ledger = await readLedger(ropeline().addresses.database, 1);
      expect(completedUnits(ledger)).toBe(1_000);
      expect(
        ledger.orders.every(({ memberId, state }) => memberId === 'testuser1' && state === 'COMPLETED'),
      ).toBe(true);
      expect((await reserve(await tokenOf(2))).status).toBe(409);
    } finally {
      watch.stop();
    }
  });
});

describe.each([json, form, 'text/plain'])('the stock API that is replaced, sent as %s', (type) => {
  const stock = async (name: string, body: unknown): Promise<Answer> => {
    const answer = await call('POST', at(`/api/stock/${name}`), {
      headers: { 'content-type': type },
      text: typeof body === 'string' ? body : JSON.stringify(body),
    });
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    return answer;
  };
  const of = (quantity: number, product = 2) => ({ product_id: product, quantity });
  const read = async () => (await stock('get', { product_id: 2 })).body;

  test('reserves, confirms and cancels, and says in the old words what became of it', async () => {
    const { quantity } = await read();
    const left = Number(quantity);
    expect(await read()).toEqual({ product_id: 2, quantity: left, reserved: 0 });
    expect(await stock('reserve', of(5))).toMatchObject({
      status: 200,
      text: '{"status":"reserved","reserved":5}',
    });
    expect(await stock('reserve', of(2))).toMatchObject({
      status: 200,
      body: { status: 'reserved', reserved: 7 },
    });
    const confirmed = await stock('confirm', of(3));
    expect(confirmed).toMatchObject({ status: 200, text: `{"status":"confirmed","remaining":${left - 3}}` });
    expect(await read()).toEqual({ product_id: 2, quantity: left - 3, reserved: 4 });
    expect(await stock('cancel', of(1))).toMatchObject({
      status: 200,
      text: '{"status":"cancelled","released":1}',
    });
    // More than is reserved: what is there, and no more.
    expect(await stock('cancel', of(100))).toMatchObject({
      status: 200,
      body: { status: 'cancelled', released: 3 },
    });
    expect(await read()).toEqual({ product_id: 2, quantity: left - 3, reserved: 0 });
    expect((await stock('confirm', of(1))).status).toBe(409);
  });

  test('refuses what is not there, what does not exist and what is no quantity, and stays as it was', async () => {
    const before = await read();
    const available = Number(before['quantity']);
    const tooMany = await stock('reserve', of(available + 1));
    expect(tooMany.status).toBe(409);
    expect(tooMany.body).toEqual({ error: 'insufficient stock', available, requested: available + 1 });
    for (const name of ['get', 'reserve', 'confirm', 'cancel']) {
      const unknown = await stock(name, name === 'get' ? { product_id: 99 } : of(1, 99));
      expect(unknown).toMatchObject({ status: 404, text: '{"error":"not found"}' });
    }
    for (const quantity of [0, -1, 1.5, 2 ** 53, '1', null]) {
      for (const name of ['reserve', 'confirm', 'cancel']) {
        const answer = await stock(name, { product_id: 2, quantity });
        expect(answer.status, `${name} ${quantity}`).toBe(400);
        expect(answer.body).toEqual({ error: expect.any(String) });
      }
    }
    expect((await stock('reserve', 'product_id=2&quantity=1')).status).toBe(400);
    expect(await read()).toEqual(before);
  });
});

test('110 at once on the stock API get 100 pieces: the 101st is told what is left', async () => {
  const one = { product_id: 1, quantity: 1 };
  const send = () =>
    call('POST', at('/api/stock/reserve'), { headers: { 'content-type': form }, text: JSON.stringify(one) });
  const answers = await Promise.all(Array.from({ length: 110 }, send));
  const refused = answers.filter(({ status }) => status === 409);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
  expect(refused).toHaveLength(10);
  for (const { body } of refused)
    expect(body).toEqual({ error: 'insufficient stock', available: 0, requested: 1 });
  const stock = await call('POST', at('/api/stock/get'), { json: { product_id: 1 } });
  expect(stock.body).toEqual({ product_id: 1, quantity: 100, reserved: 100 });
  const all = await call('POST', at('/api/stock/confirm'), { json: { product_id: 1, quantity: 100 } });
  expect(all.body).toEqual({ status: 'confirmed', remaining: 0 });
});

test('the health checks answer in the old words', async () => {
  expect(await call('GET', at('/health'))).toMatchObject({ status: 200, text: '{"status":"ok"}' });
  expect(await call('GET', at('/actuator/health'))).toMatchObject({ status: 200, text: '{"status":"UP"}' });
});

test('npm run demo:reset puts the stock back while all runs', async () => {
  const read = async () => (await call('POST', at('/api/stock/get'), { json: { product_id: 1 } })).body;
  expect(await read()).toMatchObject({ quantity: 0 });
  expect((await reserve(await tokenOf(1))).status).toBe(409);
  const { stdout } = await promisify(execFile)(process.execPath, ['scripts/bootstrap.mjs', 'demo:reset'], {
    env: { ...process.env, DATA_DIR: ropeline().dataDir },
  });
  expect(stdout).toMatch(/stock is back; 1000 orders are deleted/);
  await until(async () => (await reserve(await tokenOf(1))).status === 200);
  expect(await read()).toEqual({ product_id: 1, quantity: 100, reserved: 0 });
});

function logIn(password: string, number = 1): Promise<Answer> {
  return until(async () => {
    const answer = await call('POST', at('/member/login'), { json: { id: `testuser${number}`, password } });
    return answer.status !== 503 && answer;
  });
}

async function tokenOf(number: number): Promise<string> {
  const { data } = (await logIn(demoPassword, number)).body as { data: { accessToken: string } };
  return data.accessToken;
}

function reserve(token: string | undefined, ticket = 1): Promise<Answer> {
  return call('POST', at(`/ticket/reserve/${ticket}`), {
    headers: { 'content-type': json, ...(token !== undefined && { 'x-access-token': token }) },
  });
}
