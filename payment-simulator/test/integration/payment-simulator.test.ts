import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { type SpawnedService, spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { harmless } from '../../src/behaviour.ts';

type Answer = { readonly status: number; readonly body: Record<string, unknown> };

let folder: string;

beforeEach(() => {
  folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-payments-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
});

const start = (): Promise<SpawnedService> =>
  spawnService('payment-simulator/src/main.ts', 'PAYMENT_PORT', {
    LEDGER_FILE: join(folder, 'deep', 'ledger.jsonl'),
  });

async function call(url: string, method: string, body?: unknown, signal?: AbortSignal): Promise<Answer> {
  const response = await fetch(url, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const charge = (service: SpawnedService, reference: string, amountMinor = 5_000, signal?: AbortSignal) =>
  call(`${service.url}/charges`, 'POST', { reference, amountMinor, currency: 'KRW' }, signal);
const find = (service: SpawnedService, reference: string) =>
  call(`${service.url}/charges?reference=${reference}`, 'GET');
const behave = (service: SpawnedService, behaviour: unknown) =>
  call(`${service.url}/behaviour`, 'PATCH', behaviour);
const ledger = (service: SpawnedService) => call(`${service.url}/ledger`, 'GET');

/** How many charges of each fate were drawn: an answer that never comes does not tell that its charge arrived. */
async function drawn(service: SpawnedService): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const lines = text.matchAll(/payment_simulator_charges_total\{fate="([\w-]+)"\} (\d+)/g);
  return Object.fromEntries([...lines].map(([, fate = '', count]) => [fate, Number(count)]));
}

describe('a charge', () => {
  test('is made once per reference, however often and however much at once it is sent', async () => {
    const service = await start();
    const answers = await Promise.all(Array.from({ length: 20 }, () => charge(service, 'order-1:1')));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(19).fill(200), 201]);
    expect(new Set(answers.map(({ body }) => body['at'])).size).toBe(1);
    expect((await ledger(service)).body).toEqual({
      paid: 1,
      declined: 0,
      refunded: 0,
      keptMinor: { KRW: 5_000 },
    });
  });

  test('with a used reference and another amount is refused, and nothing changes', async () => {
    const service = await start();
    await charge(service, 'a');
    const other = await charge(service, 'a', 6_000);
    expect([other.status, other.body['code']]).toEqual([422, 'idempotency-mismatch']);
    expect((await find(service, 'a')).body['amountMinor']).toBe(5_000);
  });

  test('is found by its reference; an unknown reference is 404', async () => {
    const service = await start();
    await charge(service, 'a');
    expect((await find(service, 'a')).body).toMatchObject({ reference: 'a', state: 'paid', currency: 'KRW' });
    expect((await find(service, 'b')).status).toBe(404);
  });

  test.each([
    ['no amount', { reference: 'a', currency: 'KRW' }],
    ['a negative amount', { reference: 'a', amountMinor: -1, currency: 'KRW' }],
    ['a fraction', { reference: 'a', amountMinor: 0.5, currency: 'KRW' }],
    ['2^53', { reference: 'a', amountMinor: 2 ** 53, currency: 'KRW' }],
    ['a number as text', { reference: 'a', amountMinor: '5', currency: 'KRW' }],
    ['an unknown currency form', { reference: 'a', amountMinor: 5, currency: 'won' }],
    ['an empty reference', { reference: '', amountMinor: 5, currency: 'KRW' }],
  ])('with %s is refused and leaves no trace', async (_name, body) => {
    const service = await start();
    const answer = await call(`${service.url}/charges`, 'POST', body);
    expect([answer.status, answer.body['code']]).toEqual([400, 'bad-request']);
    expect((await ledger(service)).body).toMatchObject({ paid: 0, declined: 0 });
  });
});

describe('a refund', () => {
  test('happens once; a repeat answers the same; declined or unknown charges have none', async () => {
    const service = await start();
    await charge(service, 'a');
    const refunds = await Promise.all(
      [1, 2, 3].map(() => call(`${service.url}/refunds`, 'POST', { reference: 'a' })),
    );
    expect(refunds.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(new Set(refunds.map(({ body }) => body['refundedAt'])).size).toBe(1);
    expect((await call(`${service.url}/refunds`, 'POST', { reference: 'b' })).status).toBe(404);
    await behave(service, { declineShare: 1 });
    await charge(service, 'c');
    expect((await call(`${service.url}/refunds`, 'POST', { reference: 'c' })).body['code']).toBe(
      'wrong-state',
    );
    expect((await ledger(service)).body).toEqual({ paid: 0, declined: 1, refunded: 1, keptMinor: {} });
  });
});

describe('told to misbehave, it', () => {
  test('fails refunds, some of them made; asked again each is made once', async () => {
    const service = await start();
    const references = Array.from({ length: 12 }, (_, at) => `r${at}`);
    for (const reference of references) await charge(service, reference);
    await behave(service, { refundFailShare: 1 });
    const refund = (reference: string) => call(`${service.url}/refunds`, 'POST', { reference });
    const failed = await Promise.allSettled(references.map(refund));
    expect(failed.flatMap((it) => (it.status === 'fulfilled' ? [it.value.status] : []))).not.toContain(200);
    const { refunded } = (await ledger(service)).body as { refunded: number };
    expect(refunded).toBe(failed.filter(({ status }) => status === 'rejected').length);
    expect(refunded).toBeGreaterThan(0);
    expect(refunded).toBeLessThan(12);
    await behave(service, { refundFailShare: 0 });
    expect((await Promise.all(references.map(refund))).map(({ status }) => status)).toEqual(
      Array(12).fill(200),
    );
    expect((await ledger(service)).body).toMatchObject({ paid: 0, refunded: 12 });
  });

  test('declines the share it was told, and a declined reference stays declined', async () => {
    const service = await start();
    await behave(service, { declineShare: 0.2 });
    const answers = await Promise.all(Array.from({ length: 200 }, (_, at) => charge(service, `r${at}`)));
    const declined = answers.flatMap(({ status }, at) => (status === 402 ? [`r${at}`] : []));
    expect(declined.length).toBeGreaterThan(20);
    expect(declined.length).toBeLessThan(60);
    await behave(service, { declineShare: 0 });
    const again = await charge(service, declined[0] as string);
    expect(again).toMatchObject({ status: 402, body: { code: 'payment-declined', charged: false } });
  });

  test('fails before charging: the reference is still free', async () => {
    const service = await start();
    await behave(service, { errorShare: 1 });
    expect(await charge(service, 'a')).toMatchObject({ status: 500, body: { charged: false } });
    expect((await find(service, 'a')).status).toBe(404);
    await behave(service, { errorShare: 0 });
    expect((await charge(service, 'a')).status).toBe(201);
  });

  test('leaves charges unanswered, some of them made; sent again each is answered; it still stops', async () => {
    const service = await start();
    await behave(service, { hangShare: 1 });
    const references = Array.from({ length: 12 }, (_, at) => `h${at}`);
    const patience = new AbortController();
    const outcomes = Promise.allSettled(
      references.map((reference) => charge(service, reference, 5_000, patience.signal)),
    );
    const paid = await until(async () => {
      const { 'hang-paid': made = 0, 'hang-lost': lost = 0 } = await drawn(service);
      return made + lost === 12 && (await ledger(service)).body['paid'] === made && made;
    });
    patience.abort();
    expect((await outcomes).every(({ status }) => status === 'rejected')).toBe(true);
    expect(paid).toBeGreaterThan(0);
    expect(paid).toBeLessThan(12);
    await behave(service, { hangShare: 0 });
    const again = await Promise.all(references.map((reference) => charge(service, reference)));
    expect(again.filter(({ status }) => status === 200)).toHaveLength(paid);
    expect(again.filter(({ status }) => status === 201)).toHaveLength(12 - paid);
    await behave(service, { hangShare: 1 });
    const open = charge(service, 'open').catch(() => 'closed');
    expect(await service.stop()).toBe(0);
    expect(await open).toBe('closed');
  });

  test('cuts the connection after a charge: it was made', async () => {
    const service = await start();
    await behave(service, { resetShare: 1 });
    await expect(charge(service, 'a')).rejects.toThrow();
    expect((await find(service, 'a')).body['state']).toBe('paid');
    expect(await charge(service, 'a')).toMatchObject({ status: 200, body: { state: 'paid' } });
  });

  test('charges after its caller has given up; whoever came first meanwhile has decided', async () => {
    const service = await start();
    await behave(service, { lateShare: 1, lateMs: 5_000 });
    const patience = new AbortController();
    const gaveUp = Promise.allSettled(
      ['a', 'b'].map((reference) => charge(service, reference, 5_000, patience.signal)),
    );
    const late = charge(service, 'b');
    await until(async () => (await drawn(service))['late-paid'] === 3);
    patience.abort();
    expect((await gaveUp).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect((await find(service, 'a')).status).toBe(404);
    await behave(service, { lateShare: 0, declineShare: 1 });
    expect((await charge(service, 'b')).status).toBe(402);
    expect((await late).status).toBe(402);
    await until(async () => (await find(service, 'a')).body['state'] === 'paid');
    expect((await ledger(service)).body).toMatchObject({ paid: 1, declined: 1 });
  });

  test('takes its time', async () => {
    const service = await start();
    await behave(service, { latencyMs: 200 });
    const began = performance.now();
    await charge(service, 'a');
    expect(performance.now() - began).toBeGreaterThanOrEqual(199);
  });

  test.each([
    {},
    { latencyMs: -1 },
    { declineShare: 1.5 },
    { declineShare: 0.6, errorShare: 0.6 },
    { resetShare: 0.5, lateShare: 0.5, hangShare: 0.1 },
    { callbackDelayMs: -1 },
    { declineshare: 0.5 },
    { latencyMs: '5' },
  ])('refuses %j and stays as it was', async (change) => {
    const service = await start();
    expect((await behave(service, change)).status).toBe(400);
    expect((await call(`${service.url}/behaviour`, 'GET')).body).toEqual(harmless);
  });
});

describe('the ledger', () => {
  test('has everything that was answered after kill -9, also when the last line was cut short', async () => {
    const first = await start();
    await behave(first, { declineShare: 0.5 });
    const answered = new Map<string, number>();
    const running = Array.from({ length: 8 }, async (_, lane) => {
      for (let at = 0; ; at += 1) {
        const reference = `k${lane}-${at}`;
        const { status } = await charge(first, reference);
        answered.set(reference, status);
        if (answered.size === 100) await first.kill();
      }
    });
    await Promise.allSettled(running);
    appendFileSync(join(folder, 'deep', 'ledger.jsonl'), '{"reference":"torn","sta');

    const second = await start();
    expect(answered.size).toBeGreaterThanOrEqual(100);
    for (const [reference, status] of answered) {
      const again = await charge(second, reference);
      expect([reference, again.status]).toEqual([reference, status === 402 ? 402 : 200]);
    }
    expect((await find(second, 'torn')).status).toBe(404);
    await charge(second, 'after');
    await second.kill();
    const third = await start();
    expect((await find(third, 'after')).body['state']).toBe('paid');
  });
});
