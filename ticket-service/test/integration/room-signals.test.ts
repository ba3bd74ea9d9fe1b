import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { bearer, call, logIn } from '../support/http.ts';
import { startOtherSide } from '../support/other-side.ts';
import { startService } from '../support/start-service.ts';

const token = 'the token that signals come with, long enough';

async function start() {
  const control = cleanedUp(await startOtherSide(), (side) => side.stop());
  const running = cleanedUp(
    await startService({ env: { CONTROL_URL: control.url, SIGNAL_TOKEN: token } }),
    (made) => made.stop(),
  );
  const member = await logIn(running);
  const buy = (quantity: number) =>
    call(running, '/api/orders', {
      json: { offerId: 1, quantity },
      headers: { ...bearer(member), 'idempotency-key': randomUUID() },
    });
  const cancel = (id: unknown) =>
    call(running, `/api/orders/${id}/cancel`, { method: 'POST', headers: bearer(member) });
  const told = (held: number) =>
    until(() => control.seen.some(({ body }) => JSON.stringify(body) === JSON.stringify(signal(held))));
  return { running, control, buy, cancel, told };
}

const signal = (held: number) => ({ stock: { capacity: 1_000, held, sold: 0 } });

test('the room is told the stock at the start, when all is held, and when units come back', async () => {
  const { control, buy, cancel, told } = await start();
  await told(0);
  expect(control.seen[0]).toEqual({
    path: '/api/rooms/demo/signals',
    token: `Bearer ${token}`,
    body: signal(0),
  });
  const { status, body } = await buy(1_000);
  expect(status).toBe(201);
  await told(1_000);
  await cancel(body['orderId']);
  await until(() => JSON.stringify(control.seen.at(-1)?.body) === JSON.stringify(signal(0)));
});

test('a withdrawn offer is no part of what the room is told, and the last one to go ends nobody’s queue', async () => {
  const { running, control, told } = await start();
  await told(0);
  const headers = bearer(await logIn(running, 'host1'));
  const made = { kind: 'pool', title: 't', currency: 'KRW', priceMinor: 5, capacity: 7, stockRoom: 'demo' };
  const { body } = await call(running, '/api/offers', { json: made, headers });
  const says = (capacity: number) => JSON.stringify({ stock: { capacity, held: 0, sold: 0 } });
  const last = () => JSON.stringify(control.seen.at(-1)?.body);
  await until(() => last() === says(1_007));
  const withdraw = (id: unknown) => call(running, `/api/offers/${id}`, { method: 'DELETE', headers });
  expect((await withdraw(1)).status).toBe(204);
  await until(() => last() === says(7));
  expect((await withdraw(body['id'])).status).toBe(204);
  const again = await call(running, '/api/offers', { json: { ...made, capacity: 3 }, headers });
  expect(again.status).toBe(201);
  await until(() => last() === says(3));
  const all = control.seen.map((signal) => JSON.stringify(signal.body));
  expect(all).not.toContain(says(0));
});

test('sales go on while the control plane is away, hangs or refuses, and it hears the last state afterwards', async () => {
  const { control, buy, told } = await start();
  await told(0);
  control.answer.status = 500;
  expect((await buy(4)).status).toBe(201);
  await until(
    () => control.seen.filter(({ body }) => JSON.stringify(body) === JSON.stringify(signal(4))).length >= 2,
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  control.patience = promise;
  expect((await buy(3)).status).toBe(201);
  await told(7);
  // That signal has no answer yet.
  expect((await buy(1)).status).toBe(201);
  await control.stop();
  resolve();
  expect((await buy(1)).status).toBe(201);
  control.answer.status = 200;
  await control.start();
  await told(9);
});
