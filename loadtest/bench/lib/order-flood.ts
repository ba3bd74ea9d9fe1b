import { Pool } from 'undici';
import type { Shop } from './shop.ts';

const atOnce = 64;

/** Reserves one unit for each of so many members, as fast as 64 connections go. Tells of the first order. */
export async function writeOrders(
  shop: Shop,
  offerId: number,
  count: number,
): Promise<{
  readonly orderId: string;
  readonly member: string;
  readonly entry: string;
  readonly key: string;
}> {
  const pool = new Pool(shop.url, { connections: atOnce });
  const body = JSON.stringify({ offerId, quantity: 1 });
  const of = (at: number) => ({ member: `testuser${at}`, entry: `visitor${at}.1`, key: `key-${at}` });
  let [next, firstId] = [1, ''];
  const work = async (): Promise<void> => {
    while (next <= count) {
      const at = next;
      next += 1;
      const answer = await pool.request({
        method: 'POST',
        path: '/api/orders',
        headers: {
          authorization: `Bearer ${await shop.accessToken(of(at).member)}`,
          'x-ropeline-entry': await shop.entryToken(`visitor${at}`),
          'content-type': 'application/json',
          'idempotency-key': of(at).key,
        },
        body,
      });
      const { orderId } = (await answer.body.json()) as { orderId?: string };
      if (orderId === undefined) throw new Error(`an order was answered ${answer.statusCode}`);
      if (at === 1) firstId = orderId;
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } finally {
    await pool.destroy();
  }
  return { orderId: firstId, ...of(1) };
}
