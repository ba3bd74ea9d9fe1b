import { script } from '../../../testing/tap.ts';
import { afterScript, afterSql, type KillPoint } from './kill-points.ts';

const refund = { wire: 'provider', sends: ['POST /refunds'] } as const;
const noteRefund = { wire: 'postgres', sends: ["set state = 'refunded'"] } as const;
const expiry = { wire: 'redis', sends: [script('expire_orders')] } as const;

/** Between every two steps of the workers. */
export const workerPoints: Record<'persisting' | 'expiry, refunds and events', readonly KillPoint[]> = {
  persisting: [
    { name: 'before a range is cut', ...afterScript('cut_outbox_range'), when: 'before' },
    { name: 'after a range was cut', ...afterScript('cut_outbox_range') },
    { name: 'after its job was added', wire: 'redis', sends: ['"entries":'], when: 'after' },
    { name: 'after the watermark was raised', ...afterSql('raise-watermark') },
    { name: 'after the orders were written', ...afterSql('upsert-orders') },
    { name: 'after their events were written', ...afterSql('emit-order-events') },
    { name: 'before the chunk is committed', ...afterSql('emit-order-events', 'commit'), when: 'before' },
    { name: 'after the chunk was committed', ...afterSql('emit-order-events', 'commit') },
    { name: 'after Redis may forget the orders', ...afterScript('forget_orders') },
    { name: 'before the entries are dropped', ...afterScript('trim_outbox'), when: 'before' },
    { name: 'after the entries were dropped', ...afterScript('trim_outbox') },
  ],
  'expiry, refunds and events': [
    { name: 'before a hold expires', ...expiry, when: 'before' },
    { name: 'after a hold expired', ...expiry, when: 'after' },
    { name: 'before the refund is asked for', ...refund, when: 'before' },
    { name: 'after the refund was made', ...refund, when: 'after' },
    { name: 'before the refund is noted', ...noteRefund, when: 'before' },
    { name: 'after the refund was noted', ...noteRefund, when: 'after' },
    { name: 'after the effect of events', ...afterSql('insert into event_tallies') },
    { name: 'after the cursor has moved', ...afterSql('update event_cursors') },
    { name: 'after effect and cursor were committed', ...afterSql('update event_cursors', 'commit') },
  ],
};
