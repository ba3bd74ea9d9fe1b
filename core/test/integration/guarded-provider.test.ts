import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';
import { guardedProvider } from '../../src/payments/guarded-provider.ts';
import { httpProvider } from '../../src/payments/http-provider.ts';

let made = 0;
const charge = () => {
  made += 1;
  return { reference: `order:${made}`, amountMinor: 100, currency: 'KRW' };
};

it('stops asking a provider that fails, says so at once, and tries again after a while', async () => {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-breaker-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const simulator = await spawnService('payment-simulator/src/main.ts', 'PAYMENT_PORT', {
    LEDGER_FILE: join(folder, 'ledger.jsonl'),
  });
  const behave = (behaviour: object) =>
    fetch(`${simulator.url}/behaviour`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(behaviour),
    });
  const states: string[] = [];
  const provider = cleanedUp(
    guardedProvider(httpProvider({ url: simulator.url }), {
      leastCalls: 3,
      // Long enough to find it open.
      openMs: 5_000,
      onChange: (state) => states.push(state),
    }),
    (it) => it.close(),
  );
  await behave({ errorShare: 1 });
  await until(async () => {
    await provider.charge(charge());
    return states.includes('open');
  });
  await behave({ errorShare: 0 });
  const shut = charge();
  expect(await provider.charge(shut)).toEqual({ kind: 'error', detail: 'the circuit breaker is open' });
  expect(await provider.find(shut)).toMatchObject({ kind: 'unknown' });
  await until(async () => (await provider.charge(charge())).kind === 'paid');
  expect(states).toEqual(['open', 'half-open', 'closed']);
});

it('gives a charge back once, however often it is asked, and knows what took no money', async () => {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-refund-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const simulator = await spawnService('payment-simulator/src/main.ts', 'PAYMENT_PORT', {
    LEDGER_FILE: join(folder, 'ledger.jsonl'),
  });
  const provider = cleanedUp(httpProvider({ url: simulator.url }), (it) => it.close());
  const paid = charge();
  expect((await provider.charge(paid)).kind).toBe('paid');
  const refunds = await Promise.all([1, 2, 3].map(() => provider.refund(paid)));
  expect(refunds.map(({ kind }) => kind)).toEqual(['refunded', 'refunded', 'refunded']);
  expect((await provider.refund(charge())).kind).toBe('nothing');
  expect((await provider.find(paid)).kind).toBe('paid');
});
