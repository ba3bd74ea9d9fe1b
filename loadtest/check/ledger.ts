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
  /** Dead letters of any offer that nobody has driven again. */
  readonly deadLetters: number;
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
    const dead = await pool.query<{ count: string }>(
      'select count(*) from dead_letters where redriven_at is null',
    );
    const server = await pool.query<{ server_version: string }>('show server_version');
    return {
      capacity: offer.rows[0]?.capacity ?? 0,
      taken: offer.rows[0]?.taken ?? 0,
      orders: orders.rows,
      payments: payments.rows,
      deadLetters: Number(dead.rows[0]?.count),
      version: server.rows[0]?.server_version ?? 'unknown',
    };
  } finally {
    await pool.end();
  }
}
