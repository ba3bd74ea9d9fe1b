import { sleep } from 'k6';
import { ask } from './request.ts';
import { settings } from './settings.ts';
import { trouble } from './trouble.ts';

/** The password of every seeded member. */
const password = 'qwer1234';

/** What a visitor brings to the shop: the entry token, unless there is no room in front. */
export type Pass = Record<string, string>;

export type Reserved =
  | { readonly kind: 'order'; readonly orderId: string }
  | { readonly kind: 'sold-out' | 'all-held' }
  | { readonly kind: 'failed'; readonly why: string };

export type Paid =
  | { readonly kind: 'completed' | 'declined' }
  | { readonly kind: 'failed'; readonly why: string };

/** The access token, or undefined when the log-in gave none. */
export function logIn(visitor: number, pass: Pass): string | undefined {
  const answer = ask({
    method: 'POST',
    url: `${settings.base}/api/sessions`,
    name: 'log-in',
    body: { id: `testuser${visitor}`, password },
    headers: pass,
    repeatable: true,
  });
  return answer?.status === 200 ? String(answer.body['accessToken']) : undefined;
}

/** One order under one key, so a repeat after a lost answer finds the same order. */
export function reserve(visitor: number, run: string, accessToken: string, pass: Pass): Reserved {
  const answer = ask({
    method: 'POST',
    url: `${settings.base}/api/orders`,
    name: 'reserve',
    body: { offerId: settings.offerId, quantity: settings.quantity },
    headers: { ...pass, Authorization: `Bearer ${accessToken}`, 'Idempotency-Key': `${run}-${visitor}` },
    repeatable: true,
  });
  if (answer === undefined) return { kind: 'failed', why: 'reserve' };
  if (answer.status === 200 || answer.status === 201) {
    return { kind: 'order', orderId: String(answer.body['orderId']) };
  }
  const code = String(answer.body['code']);
  if (code === 'sold-out' || code === 'all-held') return { kind: code };
  trouble(`reserve ${answer.status} ${code}`);
  return { kind: 'failed', why: `reserve: ${code}` };
}

/** Pays, and asks again while the outcome is unknown. */
export function pay(orderId: string, accessToken: string): Paid {
  const deadline = Date.now() + settings.retrySeconds * 1_000;
  for (;;) {
    const answer = ask({
      method: 'POST',
      url: `${settings.base}/api/orders/${orderId}/pay`,
      name: 'pay',
      headers: { Authorization: `Bearer ${accessToken}` },
      repeatable: true,
    });
    if (answer === undefined) return { kind: 'failed', why: 'pay' };
    if (answer.status === 402) return { kind: 'declined' };
    if (answer.status === 200) return outcome(String(answer.body['state']));
    if (answer.status !== 202 || Date.now() > deadline) {
      const why = `pay ${answer.status} ${String(answer.body['code'] ?? answer.body['state'])}`;
      trouble(why);
      return { kind: 'failed', why };
    }
    sleep(1);
  }
}

function outcome(state: string): Paid {
  if (state === 'COMPLETED') return { kind: 'completed' };
  trouble(`pay gave ${state}`);
  return { kind: 'failed', why: `pay gave ${state}` };
}
