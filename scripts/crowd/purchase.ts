import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

const password = 'qwer1234';

/** Logs in as `testuser<number>`, orders one ticket of offer 1 and pays. False = sold out (or declined). */
export async function buy(url: string, number: number, entry: string, end: AbortSignal): Promise<boolean> {
  const shop = new Shop(url, entry, end);
  const session = await shop.post('/api/sessions', { id: `testuser${((number - 1) % 9_000) + 1}`, password });
  if (session.status !== 200) throw new Error(`log-in: HTTP ${session.status}`);
  shop.accessToken = String(session.body['accessToken']);
  const order = await shop.post('/api/orders', { offerId: 1, quantity: 1 });
  if (order.status === 409) return false;
  if (order.status !== 201) throw new Error(`order: HTTP ${order.status}`);
  const paid = await shop.post(`/api/orders/${order.body['orderId']}/pay`, {});
  if (paid.status === 402) return false;
  if (paid.status !== 200) throw new Error(`pay: HTTP ${paid.status}`);
  return true;
}

type Answer = { readonly status: number; readonly body: Record<string, unknown> };

class Shop {
  accessToken: string | undefined;
  readonly #url: string;
  readonly #entry: string;
  readonly #end: AbortSignal;

  constructor(url: string, entry: string, end: AbortSignal) {
    this.#url = url;
    this.#entry = entry;
    this.#end = end;
  }

  /** Repeats what is answered with `Retry-After` (a busy log-in); the idempotency key makes that safe. */
  async post(path: string, body: object): Promise<Answer> {
    const headers = {
      'content-type': 'application/json',
      'x-ropeline-entry': this.#entry,
      'idempotency-key': randomUUID(),
      ...(this.accessToken === undefined ? {} : { authorization: `Bearer ${this.accessToken}` }),
    };
    for (let attempt = 1; ; attempt += 1) {
      const answer = await fetch(`${this.#url}${path}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
        signal: AbortSignal.any([this.#end, AbortSignal.timeout(30_000)]),
      });
      const retryAfter = Number(answer.headers.get('retry-after') ?? Number.NaN);
      const text = await answer.text();
      if (answer.status !== 503 || Number.isNaN(retryAfter) || attempt === 10) {
        return { status: answer.status, body: text === '' ? {} : (JSON.parse(text) as Answer['body']) };
      }
      await delay(retryAfter * 1_000, undefined, { signal: this.#end });
    }
  }
}
