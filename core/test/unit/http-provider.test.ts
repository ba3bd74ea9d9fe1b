import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { httpProvider } from '../../src/payments/http-provider.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** What a charge comes to when the provider treats its calls so, one after the other. */
async function outcomeOf(...answers: readonly Answer[]): Promise<string> {
  let calls = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => answers[calls++]?.(request, response));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanedUp(server, (it) => {
    it.closeAllConnections();
    it.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = cleanedUp(httpProvider({ url, timeoutMs: 2_000 }), (it) => it.close());
  const { kind } = await provider.charge({ reference: 'r', amountMinor: 1, currency: 'KRW' });
  expect(calls).toBe(answers.length);
  return kind;
}

const dies: Answer = ({ socket }) => socket.destroy();
const answers =
  (status: number, body: object = {}): Answer =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

it('takes a refusal of its first call for a proof that nothing was charged', async () => {
  expect(await outcomeOf(answers(500, { charged: false }))).toBe('error');
  expect(await outcomeOf(answers(401))).toBe('error');
  expect(await outcomeOf(answers(500))).toBe('unknown');
  expect(await outcomeOf(answers(409))).toBe('unknown');
});

it('takes a refusal after a call that died for no proof: the first may have been charged', async () => {
  expect(await outcomeOf(dies, answers(201))).toBe('paid');
  expect(await outcomeOf(dies, answers(402))).toBe('declined');
  expect(await outcomeOf(dies, answers(500, { charged: false }))).toBe('unknown');
  expect(await outcomeOf(dies, answers(404))).toBe('unknown');
  expect(await outcomeOf(dies, dies)).toBe('unknown');
});
