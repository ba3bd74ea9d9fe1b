import { createHmac } from 'node:crypto';
import { isSameSecret } from '../token/same-secret.ts';

/** Header of a callback: `t=<Unix seconds>,v1=<hex>`, as Stripe signs its own. */
export const callbackSignatureHeader = 'payment-signature';

/** How far the sender's clock and the way may be off. */
const toleranceSeconds = 300;

/** HMAC-SHA256 over `<seconds>.<body>`: neither the body nor the time can be changed by who lacks the secret. */
export function signCallback(secret: string, body: string, seconds: number): string {
  return `t=${seconds},v1=${mac(secret, seconds, body)}`;
}

export function isSignedCallback(secret: string, header: string, body: string, nowMs = Date.now()): boolean {
  const [, seconds, signature] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header) ?? [];
  if (seconds === undefined || signature === undefined) return false;
  const isFresh = Math.abs(nowMs / 1_000 - Number(seconds)) <= toleranceSeconds;
  return isSameSecret(signature, mac(secret, Number(seconds), body)) && isFresh;
}

function mac(secret: string, seconds: number, body: string): string {
  return createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
}
