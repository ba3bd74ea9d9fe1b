import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import type { Shop } from '../bench/lib/shop.ts';

export type Sent = {
  /** Of every order that was answered 2xx, by its idempotency key. */
  readonly accepted: ReadonlyMap<string, string>;
  /** Answers that were asked for again: 503, or none at all. */
  readonly later: number;
  readonly longestMs: number;
  /** Unix ms of the last answer. */
  readonly lastAt: number;
};

const members = 2_000;
const tickMs = 20;
const connections = 64;
const patienceMs = 60_000;

/**
 * Sends so many orders of one unit at a steady rate, each under a key of its own; who is told "later" or nothing at
 * all asks again under the same key. Throws when an order has no answer within a minute, or another than 2xx and 503.
 */
export async function sendOrders(
  shop: Shop,
  {
    offerId,
    orders,
    perSecond,
    signal,
  }: { offerId: number; orders: number; perSecond: number; signal: AbortSignal },
): Promise<Sent> {
  const pairs = await Promise.all(
    Array.from({ length: members }, async (_, at) => ({
      authorization: `Bearer ${await shop.accessToken(`testuser${at + 1}`)}`,
      'x-ropeline-entry': await shop.entryToken(`visitor${at + 1}`),
    })),
  );
  const pool = new Pool(shop.url, { connections, pipelining: 1 });
  const accepted = new Map<string, string>();
  let [later, longestMs, lastAt] = [0, 0, 0];
  const body = JSON.stringify({ offerId, quantity: 1 });

  const send = async (at: number): Promise<void> => {
    const key = `order-${at}`;
    const began = performance.now();
    const headers = { ...pairs[at % members], 'content-type': 'application/json', 'idempotency-key': key };
    while (!signal.aborted) {
      const answer = await pool
        .request({ method: 'POST', path: '/api/orders', headers, body })
        .then(async ({ statusCode, body: text }) => ({ status: statusCode, text: await text.text() }))
        .catch((error: Error) => ({ status: 0, text: error.message }));
      if (answer.status === 200 || answer.status === 201) {
        const { orderId } = JSON.parse(answer.text) as { orderId: string };
        accepted.set(key, orderId);
        longestMs = Math.max(longestMs, performance.now() - began);
        lastAt = Date.now();
        return;
      }
      const mayAskAgain = answer.status === 503 || answer.status === 0;
      if (!mayAskAgain || performance.now() - began > patienceMs)
        throw new Error(`an order was answered ${answer.status}: ${answer.text}`);
      later += 1;
      await delay(1_000);
    }
  };

  const flights: Promise<void>[] = [];
  let failure: unknown;
  const began = performance.now();
  try {
    for (let sent = 0; sent < orders && failure === undefined && !signal.aborted; ) {
      const due = Math.min(orders, Math.floor(((performance.now() - began) * perSecond) / 1_000));
      for (; sent < due; sent += 1) {
        flights.push(
          send(sent).catch((error: unknown) => {
            failure ??= error;
          }),
        );
      }
      await delay(tickMs);
    }
    await Promise.all(flights);
  } finally {
    await pool.destroy();
  }
  if (failure !== undefined) throw failure;
  return { accepted, later, longestMs, lastAt };
}
