import { randomUUID } from 'node:crypto';
import { entryHeader } from '@ropeline/core/protocol/entry.ts';
import { until } from '../../testing/until.ts';
import { type Answer, call } from './call.ts';

export const demoPassword = 'qwer1234';

/** A member with an entry (or without one), at the shop behind `url`: the gateway, or the ticket service itself. */
export class Shopper {
  readonly #url: string;
  readonly #headers: Record<string, string>;

  private constructor(url: string, headers: Record<string, string>) {
    this.#url = url;
    this.#headers = headers;
  }

  /** Logs in as `testuser<number>`, again when too many do so at once; throws when it is refused. */
  static async logIn(url: string, number: number, entry?: string): Promise<Shopper> {
    const headers = entry === undefined ? {} : { [entryHeader]: entry };
    const json = { id: `testuser${number}`, password: demoPassword };
    const answer = await until(async () => {
      const asked = await call('POST', `${url}/api/sessions`, { headers, json });
      return asked.status !== 503 && asked;
    });
    if (answer.status !== 200) throw new Error(`log-in: ${answer.status} ${answer.text}`);
    return new Shopper(url, { ...headers, authorization: `Bearer ${answer.body['accessToken']}` });
  }

  /** The same member with another entry, at the same shop or at another address of it. */
  with(entry: string | undefined, url = this.#url): Shopper {
    const { [entryHeader]: _before, ...headers } = this.#headers;
    return new Shopper(url, { ...headers, ...(entry !== undefined && { [entryHeader]: entry }) });
  }

  /** Orders units of offer 1. */
  order(quantity: unknown = 1, key: string = randomUUID()): Promise<Answer> {
    return call('POST', `${this.#url}/api/orders`, {
      headers: { ...this.#headers, 'idempotency-key': key },
      json: { offerId: 1, quantity },
    });
  }

  pay(orderId: unknown): Promise<Answer> {
    return this.#send('POST', `/api/orders/${orderId}/pay`);
  }

  cancel(orderId: unknown): Promise<Answer> {
    return this.#send('POST', `/api/orders/${orderId}/cancel`);
  }

  see(orderId: unknown): Promise<Answer> {
    return this.#send('GET', `/api/orders/${orderId}`);
  }

  stock(): Promise<Answer> {
    return this.#send('GET', '/api/offers/1/stock');
  }

  #send(method: string, path: string): Promise<Answer> {
    return call(method, this.#url + path, { headers: this.#headers });
  }
}
