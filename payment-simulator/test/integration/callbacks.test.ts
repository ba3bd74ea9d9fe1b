import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { callbackSignatureHeader, isSignedCallback } from '@ropeline/core/payments/callback-signature.ts';
import { expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { type SpawnedService, spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { loadConfig } from '../../src/settings.ts';

const secret = 'a secret of the callbacks, of 32 bytes or more';

type Heard = { readonly id: string; readonly type: string; readonly charge: Record<string, unknown> };

/** Who is called back; answers with each of these statuses in turn, and then with 200. */
async function startListener(...statuses: number[]) {
  const heard: Heard[] = [];
  let forged = 0;
  const server = createServer(async (request, response) => {
    const body = await text(request);
    if (isSignedCallback(secret, String(request.headers[callbackSignatureHeader]), body))
      heard.push(JSON.parse(body) as Heard);
    else forged += 1;
    response.writeHead(statuses.shift() ?? 200).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanedUp(server, (it) => {
    it.closeAllConnections();
    it.close();
  });
  const { port } = server.address() as AddressInfo;
  return { heard, forged: () => forged, url: `http://127.0.0.1:${port}/hook` };
}

async function start(callbackUrl: string): Promise<SpawnedService> {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-callbacks-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  return spawnService('payment-simulator/src/main.ts', 'PAYMENT_PORT', {
    LEDGER_FILE: join(folder, 'ledger.jsonl'),
    PAYMENT_CALLBACK_URL: callbackUrl,
    PAYMENT_CALLBACK_SECRET: secret,
  });
}

const send = (service: SpawnedService, path: string, body: unknown, method = 'POST') =>
  fetch(`${service.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const charge = (service: SpawnedService, reference: string) =>
  send(service, '/charges', { reference, amountMinor: 100, currency: 'KRW' });
const behave = (service: SpawnedService, behaviour: object) =>
  send(service, '/behaviour', behaviour, 'PATCH');

test('every charge and refund is told once, signed, however often it was asked for', async () => {
  const listener = await startListener();
  const service = await start(listener.url);
  await behave(service, { callbackDelayMs: 0 });
  await Promise.all([1, 2, 3].map(() => charge(service, 'a')));
  await Promise.all([1, 2, 3].map(() => send(service, '/refunds', { reference: 'a' })));
  await behave(service, { declineShare: 1 });
  await charge(service, 'b');
  await until(() => listener.heard.length >= 3);
  expect(await service.stop()).toBe(0);
  expect(listener.heard.map(({ type, charge: { reference } }) => `${type} ${reference}`).sort()).toEqual([
    'charge.declined b',
    'charge.paid a',
    'charge.refunded a',
  ]);
  expect(listener.forged()).toBe(0);
});

test('a callback comes before the answer of its charge when the answer takes its time', async () => {
  const listener = await startListener();
  const service = await start(listener.url);
  await behave(service, { callbackDelayMs: 0, latencyMs: 60_000 });
  let answered = false;
  charge(service, 'a').then(
    () => {
      answered = true;
    },
    () => undefined,
  );
  await until(() => listener.heard.length === 1);
  expect(answered).toBe(false);
});

test('told to, it sends callbacks twice and out of order, or never', async () => {
  const listener = await startListener();
  const service = await start(listener.url);
  await behave(service, { callbackDelayMs: 1_500, callbackDuplicateShare: 1 });
  const references = Array.from({ length: 20 }, (_, at) => `r${at}`);
  for (const reference of references) await charge(service, reference);
  await until(() => listener.heard.length === 40);
  const told = listener.heard.map(({ charge: { reference } }) => String(reference));
  for (const reference of references)
    expect(told.filter((other) => other === reference)).toEqual([reference, reference]);
  expect([...new Set(told)]).not.toEqual(references);
  expect(new Set(listener.heard.map(({ id }) => id)).size).toBe(20);
  await behave(service, { callbackDelayMs: 0, callbackDuplicateShare: 0, callbackLossShare: 1 });
  await charge(service, 'lost');
  const metrics = await (await fetch(`${service.url}/metrics`)).text();
  expect(metrics).toContain('payment_simulator_callbacks_total{outcome="lost"} 1');
  expect(metrics).toContain('payment_simulator_charges_total{fate="paid"} 21');
});

test('a callback that is not taken is sent again', async () => {
  const listener = await startListener(503);
  const service = await start(listener.url);
  await behave(service, { callbackDelayMs: 0 });
  await charge(service, 'a');
  await until(() => listener.heard.length === 2);
  expect(listener.heard[0]).toEqual(listener.heard[1]);
});

test('an address to call back needs the secret that signs', () => {
  expect(() => loadConfig({ PAYMENT_CALLBACK_URL: 'http://127.0.0.1:1/hook' })).toThrow(
    /PAYMENT_CALLBACK_SECRET is required/,
  );
  expect(() => loadConfig({})).not.toThrow();
});
