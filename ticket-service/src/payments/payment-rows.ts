import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { isRefusedForGood } from '@ropeline/core/postgres/sql-state.ts';
import { assertLife } from '@ropeline/core/postgres/stock-life.ts';
import { inTransaction } from '@ropeline/core/postgres/transaction.ts';
import { upsertOrders } from '@ropeline/core/postgres/upsert-orders.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';

export type PaymentState = 'pending' | 'paid' | 'declined' | 'unknown' | 'refund-due' | 'refunded';

export type PaymentRow = {
  /** True when this call wrote it: nobody has asked the provider for this attempt before. */
  readonly fresh: boolean;
  readonly state: PaymentState;
  /** Of a `declined` one: the provider did not even try, and charged nothing. */
  readonly isUntried: boolean;
  /** What is charged, in the provider's words: of the call that wrote the row. */
  readonly method: string | undefined;
  /** Unix ms; nobody has asked the provider before. */
  readonly begunAt: number;
  /** Since the last change. */
  readonly ageMs: number;
};
export type ReferredPayment = {
  readonly orderId: string;
  readonly attempt: number;
  readonly state: PaymentState;
  readonly amountMinor: number;
  readonly currency: string;
};
type KnownPayment = Omit<PaymentRow, 'fresh'>;

export type Begun =
  | { readonly kind: 'written'; readonly row: PaymentRow }
  /** Certainly nothing was written. */
  | { readonly kind: 'not-written'; readonly error: unknown }
  /** The commit was not answered. */
  | { readonly kind: 'unknown'; readonly error: unknown };

/** A PAYING order whose payment was not even written by then, or not acted upon: its payer died. */
export const lostPayerMs = 60_000;

/** The provider's idempotency key of an attempt. */
export const paymentReference = (orderId: string, attempt: number): string => `${orderId}:${attempt}`;

type Row = {
  readonly state: PaymentState;
  readonly error: string | null;
  readonly method: string | null;
  readonly created_at: Date;
  readonly age_ms: number;
};
const selectPayment = `
  select state, error, method, created_at,
    (least(extract(epoch from now() - updated_at), 1e6) * 1000)::integer as age_ms
  from payments where order_id = $1 and attempt = $2`;

const decode = ({ state, error, method, created_at, age_ms }: Row): KnownPayment => ({
  state,
  isUntried: state === 'declined' && error !== null,
  method: method ?? undefined,
  begunAt: created_at.getTime(),
  ageMs: age_ms,
});

/** Payments, decided by Postgres: a row stands before the provider is asked, and keeps what it answered. */
export class PaymentRows {
  readonly #pool: Pool;
  /** Whoever wrote a payment row asks the provider and has answered by then. */
  readonly othersCallMs: number;

  /** `callMs`: deadline of a call of the provider. */
  constructor(pool: Pool, callMs = 5_000) {
    this.#pool = pool;
    this.othersCallMs = 3 * callMs;
  }

  /**
   * Writes the order, PAYING, and its payment in one transaction, unless they are there. Postgres may refuse the
   * order for a moment, until the release of the units that it took arrives through the outbox; and for good, when the
   * life of the stock in which it came to be PAYING, `epoch`, is over: its units may be somebody else's.
   */
  async begin(order: OrderRecord, epoch: string, method?: string): Promise<Begun> {
    for (const waitMs of [0, 50, 100, 200, 400, 800]) {
      await delay(waitMs);
      const begun = await this.#tryToBegin(order, epoch, method);
      if (begun.kind !== 'not-written' || !isRefusedForGood(begun.error)) return begun;
      if (waitMs === 800) return begun;
    }
    throw new Error('unreachable');
  }

  /**
   * Notes an outcome; a settled payment is not changed, but that money was taken after all is always noted. False
   * when it was settled before. Who asks the provider for an attempt that somebody else began notes `unknown` first.
   */
  async settle(orderId: string, attempt: number, state: 'paid' | 'declined' | 'unknown'): Promise<boolean> {
    const { rowCount } = await this.#pool.query(
      `update payments set state = $3, error = null, updated_at = now()
       where order_id = $1 and attempt = $2
         and (state in ('pending', 'unknown') or (state = 'declined' and $3 = 'paid'))`,
      [orderId, attempt, state],
    );
    return rowCount === 1;
  }

  /** Notes why its first call charged nothing; false when others have asked meanwhile, and may have been charged. */
  async renounce(orderId: string, attempt: number, why: string): Promise<boolean> {
    const { rowCount } = await this.#pool.query(
      `update payments set state = 'declined', error = $3, updated_at = now()
       where order_id = $1 and attempt = $2 and state = 'pending'`,
      [orderId, attempt, why],
    );
    return rowCount === 1;
  }

  /** Money of an order that will not be delivered; with `attempt`, only what that attempt has charged. */
  async owe(orderId: string, attempt?: number): Promise<void> {
    await this.#pool.query(
      `update payments set state = 'refund-due', updated_at = now(), tries = 0, next_try_at = now()
       where order_id = $1 and attempt = coalesce($2, attempt) and state = 'paid'`,
      [orderId, attempt ?? null],
    );
  }

  /** A refund that had been made has come back to us: due again. False when it was not noted as made. */
  async noteFailedRefund(orderId: string, attempt: number, why: string): Promise<boolean> {
    const { rowCount } = await this.#pool.query(
      `update payments set state = 'refund-due', error = $3, updated_at = now(), tries = 0, next_try_at = now()
       where order_id = $1 and attempt = $2 and state = 'refunded'`,
      [orderId, attempt, why],
    );
    return rowCount === 1;
  }

  /**
   * Orders whose payment nobody waits for any more: no answer of the provider for longer than a call takes, or PAYING
   * without a payment or with one that is settled. They are this caller's for a while; the next try comes later each
   * time, at most a minute apart.
   */
  async takeUnsettled(most: number): Promise<readonly string[]> {
    const { rows } = await this.#pool.query<{ order_id: string }>(
      `with open as (
         select order_id, attempt from payments
         where state in ('pending', 'unknown') and next_try_at <= now()
           and updated_at < now() - $2 * interval '1 ms'
         order by next_try_at limit $1 for update skip locked
       ), unheeded as (
         select payments.order_id, payments.attempt
         from orders join payments using (order_id, attempt)
         where orders.state = 'PAYING' and orders.updated_at < now() - $3 * interval '1 ms'
           and payments.state not in ('pending', 'unknown') and payments.next_try_at <= now()
         order by payments.next_try_at limit $1 for update of payments skip locked
       ), due as (
         select * from open union select * from unheeded
       ), taken as (
         update payments set tries = tries + 1,
           next_try_at = now() + least(60, 2 ^ least(tries, 6)) * interval '1 s'
         from due where payments.order_id = due.order_id and payments.attempt = due.attempt
         returning payments.order_id
       )
       select order_id from taken
       union all
       (select order_id from orders
        where state = 'PAYING' and updated_at < now() - $3 * interval '1 ms'
          and not exists (select from payments where payments.order_id = orders.order_id
            and payments.attempt = orders.attempt)
        order by updated_at limit $1)`,
      [most, this.othersCallMs, lostPayerMs],
    );
    return rows.map(({ order_id }) => order_id);
  }

  /** Attempts whose outcome is not known. */
  async unsettled(
    orderId: string,
  ): Promise<
    readonly { readonly attempt: number; readonly amountMinor: number; readonly currency: string }[]
  > {
    const { rows } = await this.#pool.query<{ attempt: number; amount_minor: string; currency: string }>(
      `select attempt, amount_minor, currency from payments where order_id = $1 and state in ('pending', 'unknown')`,
      [orderId],
    );
    return rows.map(({ attempt, amount_minor, currency }) => ({
      attempt,
      amountMinor: Number(amount_minor),
      currency,
    }));
  }

  async ofReference(reference: string): Promise<ReferredPayment | undefined> {
    const { rows } = await this.#pool.query<{
      order_id: string;
      attempt: number;
      state: PaymentState;
      amount_minor: string;
      currency: string;
    }>('select order_id, attempt, state, amount_minor, currency from payments where reference = $1', [
      reference,
    ]);
    const [row] = rows;
    if (row === undefined) return undefined;
    const { order_id: orderId, attempt, state, amount_minor, currency } = row;
    return { orderId, attempt, state, amountMinor: Number(amount_minor), currency };
  }

  async find(orderId: string, attempt: number): Promise<KnownPayment | undefined> {
    const { rows } = await this.#pool.query<Row>(selectPayment, [orderId, attempt]);
    return rows.map(decode)[0];
  }

  async #tryToBegin(order: OrderRecord, epoch: string, method: string | undefined): Promise<Begun> {
    const { orderId, attempt, amountMinor, currency } = order;
    let committing = false;
    try {
      const row = await inTransaction(this.#pool, async (client) => {
        await assertLife(client, epoch);
        await upsertOrders(client, [order]);
        const { rowCount } = await client.query(
          `insert into payments (order_id, attempt, reference, amount_minor, currency, method)
           values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
          [orderId, attempt, paymentReference(orderId, attempt), amountMinor, currency, method ?? null],
        );
        const { rows } = await client.query<Row>(selectPayment, [orderId, attempt]);
        const [known] = rows.map(decode);
        if (known === undefined) throw new Error('a payment is neither there nor written');
        committing = true;
        return { ...known, fresh: rowCount === 1 };
      });
      return { kind: 'written', row };
    } catch (error) {
      return { kind: committing ? 'unknown' : 'not-written', error };
    }
  }
}
