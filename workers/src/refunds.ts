import type { Logger } from '@ropeline/core/log.ts';
import type { PaymentProvider } from '@ropeline/core/payments/provider.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { sideBySide } from '@ropeline/core/side-by-side.ts';
import type { WorkersMetrics } from './metrics.ts';

type Parts = {
  readonly pool: Pool;
  readonly provider: PaymentProvider;
  readonly metrics: Pick<WorkersMetrics, 'refunds'>;
  readonly log: Logger;
};

type Due = {
  readonly order_id: string;
  readonly attempt: number;
  readonly reference: string;
  readonly amount_minor: string;
  readonly currency: string;
};

const mostAtOnce = 20;

/**
 * Gives back what is `refund-due`, once: the reference is the provider's key, so a refund whose answer was lost is
 * asked for again until it is known, and one that is on its way until it has arrived. One that came back to us is for
 * people, and is asked for again in case that they have refunded it at the provider. A payment that one worker takes up
 * is left alone by the others for a while; each try that brought nothing puts the next one later, at most ten minutes.
 */
export async function payRefunds({ pool, provider, metrics, log }: Parts): Promise<void> {
  const { rows } = await pool.query<Due>(takeDue, [mostAtOnce]);
  await sideBySide(rows, async ({ order_id: orderId, attempt, reference, amount_minor, currency }) => {
    const amountMinor = Number(amount_minor);
    const { kind, detail } = await provider.refund({ reference, amountMinor, currency });
    metrics.refunds.inc({ outcome: kind });
    if (kind === 'refunded') return void (await pool.query(settle, [orderId, attempt]));
    const words = { correlationId: orderId, attempt, kind, detail };
    switch (kind) {
      case 'pending':
        log.debug(words, 'refund on its way');
        break;
      case 'unknown':
        log.warn(words, 'refund not made yet');
        break;
      case 'failed':
      case 'nothing':
        log.error(words, 'refund cannot be made: a person must look');
        break;
      default:
        kind satisfies never;
    }
    await pool.query(note, [orderId, attempt, `${kind}: ${detail ?? ''}`]);
  });
}

/** Payments that have no end yet, by state. */
export async function countOpenPayments(
  pool: Pool,
): Promise<Readonly<Record<'pending' | 'unknown' | 'refund-due', number>>> {
  const { rows } = await pool.query<{ state: string; count: number }>(countOpen);
  const counts = Object.fromEntries(rows.map(({ state, count }) => [state, count]));
  return { pending: 0, unknown: 0, 'refund-due': 0, ...counts };
}

const countOpen = `
  select state, count(*)::integer as count from payments
  where state in ('pending', 'unknown', 'refund-due') group by state`;

const takeDue = `
  with due as (
    select order_id, attempt from payments
    where state = 'refund-due' and next_try_at <= now()
    order by next_try_at limit $1 for update skip locked
  )
  update payments set tries = tries + 1, next_try_at = now() + least(600, 2 ^ least(tries, 10)) * interval '1 s'
  from due where payments.order_id = due.order_id and payments.attempt = due.attempt
  returning payments.order_id, payments.attempt, reference, amount_minor, currency`;

const settle = `
  update payments set state = 'refunded', error = null, updated_at = now()
  where order_id = $1 and attempt = $2 and state = 'refund-due'`;

const note = `update payments set error = $3 where order_id = $1 and attempt = $2 and state = 'refund-due'`;
