import { setTimeout as delay } from 'node:timers/promises';
import { createLog } from '@ropeline/core/log.ts';
import { connectPostgres } from '@ropeline/core/postgres/connect.ts';

export type OrderRow = {
  readonly orderId: string;
  readonly memberId: string;
  readonly state: string;
  readonly quantity: number;
};
export type PaymentRow = { readonly orderId: string; readonly attempt: number; readonly state: string };

/** What Postgres has of an offer when all is over. */
export type Ledger = {
  readonly capacity: number;
  /** Units of its orders as the triggers have counted them. */
  readonly taken: number;
  readonly orders: readonly OrderRow[];
  readonly payments: readonly PaymentRow[];
  /** Letters of any offer that no try has settled. */
  readonly deadLetters: number;
  /** Letters that a further try has settled: an order written before the release of the unit it took, say. */
  readonly retriedLetters: number;
  readonly version: string;
};

export async function readLedger(databaseUrl: string, offerId: number): Promise<Ledger> {
  const pool = connectPostgres(databaseUrl, {
    name: 'loadtest',
    log: createLog('loadtest', 'silent'),
    maxConnections: 1,
  });
  try {
    const offer = await pool.query<{ capacity: number; taken: number }>(
      'select capacity, taken from offers where offer_id = $1',
      [offerId],
    );
    const orders = await pool.query<OrderRow>(
      `select order_id as "orderId", member_id as "memberId", state, quantity
       from orders where offer_id = $1`,
      [offerId],
    );
    const payments = await pool.query<PaymentRow>(
      `select order_id as "orderId", payments.attempt, payments.state
       from payments join orders using (order_id) where offer_id = $1`,
      [offerId],
    );
    const letters = await pool.query<{ dead: number; retried: number }>(
      `select count(*) filter (where redriven_at is null)::integer as dead, count(redriven_at)::integer as retried
       from dead_letters`,
    );
    const server = await pool.query<{ server_version: string }>('show server_version');
    return {
      capacity: offer.rows[0]?.capacity ?? 0,
      taken: offer.rows[0]?.taken ?? 0,
      orders: orders.rows,
      payments: payments.rows,
      deadLetters: letters.rows[0]?.dead ?? 0,
      retriedLetters: letters.rows[0]?.retried ?? 0,
      version: server.rows[0]?.server_version ?? 'unknown',
    };
  } finally {
    await pool.end();
  }
}

/** Waits while letters are still tried again by themselves (36 s at most by their schedule). */
export async function untilRetriesDone(databaseUrl: string, timeoutMs = 45_000): Promise<void> {
  const pool = connectPostgres(databaseUrl, {
    name: 'loadtest',
    log: createLog('loadtest', 'silent'),
    maxConnections: 1,
  });
  try {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const { rowCount } = await pool.query(
        'select 1 from dead_letters where redriven_at is null and next_try_at is not null limit 1',
      );
      if (rowCount === 0 || Date.now() > deadline) return;
      await delay(100);
    }
  } finally {
    await pool.end();
  }
}
