import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import Stripe from 'stripe';
import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { stripeCallbacks } from '../../src/payments/stripe-callbacks.ts';
import { outcomeOfRefunds, stripeAmount } from '../../src/payments/stripe-outcomes.ts';
import { stripeProvider } from '../../src/payments/stripe-provider.ts';

const charge = { reference: 'order-17:1', amountMinor: 1_500, currency: 'KRW', method: 'pm_card_visa' };
type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** What a charge comes to when Stripe's side treats its one call so. */
async function outcomeOf(answer: Answer): Promise<{ kind: string; key: unknown; body: string }> {
  let key: unknown;
  let body = '';
  const server = createServer(async (request, response) => {
    key = request.headers['idempotency-key'];
    body = await text(request);
    answer(response, request);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanedUp(server, (it) => {
    it.closeAllConnections();
    it.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { kind } = await stripeProvider({ url, secretKey: 'sk_test_123', timeoutMs: 500 }).charge(charge);
  return { kind, key, body };
}

const answers =
  (status: number, type: string, code?: string): Answer =>
  (response) =>
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(JSON.stringify({ error: { type, code, message: 'no' } }));

it('sends the reference as idempotency key and in the metadata', async () => {
  const { key, body } = await outcomeOf(answers(402, 'card_error', 'card_declined'));
  expect(key).toBe(charge.reference);
  expect(Object.fromEntries(new URLSearchParams(body))).toMatchObject({
    amount: '1500',
    currency: 'krw',
    confirm: 'true',
    payment_method: 'pm_card_visa',
    'metadata[ropeline_reference]': charge.reference,
  });
});

it.each([
  ['a declined card', answers(402, 'card_error', 'card_declined'), 'declined'],
  ['a refused request', answers(400, 'invalid_request_error'), 'error'],
  ['a wrong key', answers(401, 'invalid_request_error'), 'error'],
  ['a missing permission', answers(403, 'invalid_request_error'), 'error'],
  ['a failure at Stripe, or one that is remembered', answers(500, 'api_error'), 'unknown'],
  ['the same charge under way', answers(409, 'idempotency_error', 'idempotency_key_in_use'), 'unknown'],
  ['the same key with another charge', answers(400, 'idempotency_error'), 'unknown'],
  ['too many requests', answers(429, 'rate_limit_error', 'lock_timeout'), 'unknown'],
  ['a connection that dies', (response: ServerResponse) => response.destroy(), 'unknown'],
  ['no answer', () => undefined, 'unknown'],
  ['half an answer', (response: ServerResponse) => void response.writeHead(200).write('{'), 'unknown'],
] as const)('%s: what the charge comes to', async (_what, answer, kind) => {
  expect((await outcomeOf(answer)).kind).toBe(kind);
});

it('takes a connection that was never made for a proof that nothing was charged', async () => {
  const stripe = stripeProvider({ url: 'http://127.0.0.1:1', secretKey: 'sk_test_123' });
  expect((await stripe.charge(charge)).kind).toBe('error');
  expect((await stripe.charge({ ...charge, firstSentAt: Date.now() })).kind).toBe('unknown');
  expect((await stripe.find(charge)).kind).toBe('unknown');
  expect((await stripe.refund(charge)).kind).toBe('unknown');
});

it('counts as Stripe does where that differs from ISO 4217', () => {
  expect(stripeAmount(1_500, 'KRW')).toBe(1_500);
  expect(stripeAmount(999, 'EUR')).toBe(999);
  expect(stripeAmount(500, 'ISK')).toBe(50_000);
});

const refund = (status: string, amount = 1_500, failure_reason?: string) => ({
  status,
  amount,
  ...(failure_reason === undefined ? {} : { failure_reason }),
});
it.each([
  ['none was made', [], undefined],
  ['it succeeded', [refund('succeeded')], 'refunded'],
  ['it is on its way', [refund('pending')], 'pending'],
  ['it waits for the payer', [refund('requires_action')], 'pending'],
  ['it failed', [refund('failed', 1_500, 'lost_or_stolen_card')], 'failed'],
  ['it was cancelled', [refund('canceled')], 'failed'],
  ['a person made another after it failed', [refund('pending'), refund('failed')], 'pending'],
  ['that one succeeded', [refund('succeeded'), refund('failed')], 'refunded'],
  ['a person has given a part back', [refund('succeeded', 500)], undefined],
  ['both parts are back', [refund('succeeded', 500), refund('succeeded', 1_000)], 'refunded'],
] as const)('what the refunds of a payment say: %s', (_what, refunds, kind) => {
  expect(outcomeOfRefunds(1_500, refunds)?.kind).toBe(kind);
});

const secret = 'whsec_test_secret';
const event = (type: string, metadata: object) =>
  JSON.stringify({ id: 'evt_1', object: 'event', type, data: { object: { id: 'pi_1', metadata } } });
const signed = (payload: string, by = secret): Record<string, string> => ({
  'stripe-signature': new Stripe('unused').webhooks.generateTestHeaderString({ payload, secret: by }),
});

it("reads Stripe's signed events that are about a charge of ours, and no other", () => {
  const read = stripeCallbacks(secret);
  const body = event('payment_intent.succeeded', { ropeline_reference: 'order-17:1' });
  expect(read({ headers: signed(body), body })).toEqual({
    kind: 'charge',
    reference: 'order-17:1',
    providerId: 'pi_1',
  });
  const others = event('payment_intent.succeeded', {});
  expect(read({ headers: signed(others), body: others })).toEqual({ kind: 'other' });
  const payout = event('payout.paid', { ropeline_reference: 'order-17:1' });
  expect(read({ headers: signed(payout), body: payout })).toEqual({ kind: 'other' });
});

it.each(['refund.updated', 'refund.failed', 'charge.refund.updated'])(
  "reads Stripe's signed %s of a refund of ours as one that is about its charge",
  (type) => {
    const read = stripeCallbacks(secret);
    const about = (payment_intent: unknown, metadata: object) =>
      JSON.stringify({
        ...{ id: 'evt_1', object: 'event', type },
        data: { object: { id: 're_1', object: 'refund', status: 'failed', payment_intent, metadata } },
      });
    const ours = { ropeline_reference: 'order-17:1' };
    for (const intent of ['pi_1', { id: 'pi_1' }]) {
      const body = about(intent, ours);
      expect(read({ headers: signed(body), body })).toEqual({
        kind: 'charge',
        reference: 'order-17:1',
        providerId: 'pi_1',
      });
    }
    const unnamed = about(null, ours);
    expect(read({ headers: signed(unnamed), body: unnamed })).toEqual({
      kind: 'charge',
      reference: 'order-17:1',
    });
    const byHand = about('pi_1', {});
    expect(read({ headers: signed(byHand), body: byHand })).toEqual({ kind: 'other' });
    expect(read({ headers: signed(byHand), body: unnamed })).toEqual({ kind: 'forged' });
  },
);

it('takes an event for forged that Stripe has not signed so', () => {
  const read = stripeCallbacks(secret);
  const body = event('payment_intent.succeeded', { ropeline_reference: 'order-17:1' });
  const old = new Stripe('unused').webhooks.generateTestHeaderString({ payload: body, secret, timestamp: 1 });
  for (const [headers, text] of [
    [{}, body],
    [signed(body, 'whsec_other'), body],
    [signed(body), body.replace('17:1', '18:1')],
    [{ 'stripe-signature': old }, body],
    [{ 'stripe-signature': 'nonsense' }, body],
  ] as const)
    expect(read({ headers, body: text })).toEqual({ kind: 'forged' });
});
