import { expect, test } from 'vitest';
import { isSignedCallback, signCallback } from '../../src/payments/callback-signature.ts';

const secret = 'a secret of the callbacks, of 32 bytes or more';
const body = '{"type":"charge.paid"}';
const nowMs = 1_795_272_000_000;
const signed = signCallback(secret, body, nowMs / 1_000);

test('a callback is believed with its own body, time and secret, five minutes long', () => {
  expect(isSignedCallback(secret, signed, body, nowMs)).toBe(true);
  expect(isSignedCallback(secret, signed, body, nowMs + 299_000)).toBe(true);
  expect(isSignedCallback(secret, signed, body, nowMs + 301_000)).toBe(false);
  expect(isSignedCallback(secret, signed, body, nowMs - 301_000)).toBe(false);
});

test.each([
  ['another body', secret, signed, `${body} `],
  ['another secret', `${secret}!`, signed, body],
  ['another time', secret, signed.replace(/t=\d+/, `t=${nowMs / 1_000 + 1}`), body],
  ['no signature', secret, '', body],
  ['a signature cut short', secret, signed.slice(0, -1), body],
  ['two headers in one', secret, `${signed},${signed}`, body],
])('it is not believed with %s', (_what, key, header, text) => {
  expect(isSignedCallback(key, header, text, nowMs)).toBe(false);
});
