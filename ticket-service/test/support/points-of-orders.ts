import { script } from '../../../testing/tap.ts';
import { afterScript, afterSql, type KillPoint } from './kill-points.ts';

/** What a member does, and what the site must come to when the service dies at a point of it. */
export type Deed = {
  readonly at: KillPoint;
  readonly does: 'reserve' | 'pay' | 'cancel';
  readonly provider?: Record<string, number>;
  /** One of them: finished or undone. `none`: there is no order. */
  readonly ends: 'none' | 'RESERVED' | 'COMPLETED' | 'CANCELLED';
};

const charge = { wire: 'provider', sends: ['POST /charges'] } as const;
const settled = afterSql('update payments set state = $3');

export const deeds: readonly Deed[] = [
  {
    at: {
      name: 'before the units are taken',
      wire: 'redis',
      sends: [script('reserve_units')],
      when: 'before',
    },
    does: 'reserve',
    ends: 'none',
  },
  {
    at: { name: 'after the units were taken', ...afterScript('reserve_units') },
    does: 'reserve',
    ends: 'RESERVED',
  },
  {
    at: { name: 'after the order is PAYING', ...afterScript('begin_payment') },
    does: 'pay',
    ends: 'COMPLETED',
  },
  {
    at: {
      name: 'before the payment is there',
      ...afterSql('insert into payments', 'commit'),
      when: 'before',
    },
    does: 'pay',
    ends: 'COMPLETED',
  },
  {
    at: { name: 'within the transaction that begins the payment', ...afterSql('insert into payments') },
    does: 'pay',
    ends: 'COMPLETED',
  },
  {
    at: { name: 'after the payment was written', ...afterSql('insert into payments', 'commit') },
    does: 'pay',
    ends: 'COMPLETED',
  },
  { at: { name: 'before the provider is asked', ...charge, when: 'before' }, does: 'pay', ends: 'COMPLETED' },
  { at: { name: 'after the provider was paid', ...charge, when: 'after' }, does: 'pay', ends: 'COMPLETED' },
  { at: { name: 'after it is noted that it is paid', ...settled }, does: 'pay', ends: 'COMPLETED' },
  {
    at: { name: 'after the order is COMPLETED', ...afterScript('complete_order') },
    does: 'pay',
    ends: 'COMPLETED',
  },
  {
    at: { name: 'after the provider declined', ...charge, when: 'after' },
    does: 'pay',
    provider: { declineShare: 1 },
    ends: 'CANCELLED',
  },
  {
    at: { name: 'after it is noted that it was declined', ...settled },
    does: 'pay',
    provider: { declineShare: 1 },
    ends: 'CANCELLED',
  },
  {
    at: { name: 'after the declined order is CANCELLED', ...afterScript('cancel_order') },
    does: 'pay',
    provider: { declineShare: 1 },
    ends: 'CANCELLED',
  },
  {
    at: {
      name: 'after it is noted that nothing was charged',
      ...afterSql(`update payments set state = 'declined'`),
    },
    does: 'pay',
    provider: { errorShare: 1 },
    ends: 'RESERVED',
  },
  {
    at: { name: 'after the order is held again', ...afterScript('release_payment') },
    does: 'pay',
    provider: { errorShare: 1 },
    ends: 'RESERVED',
  },
  {
    at: { name: 'after a bought order is CANCELLED', ...afterScript('cancel_order') },
    does: 'cancel',
    ends: 'CANCELLED',
  },
  {
    at: { name: 'after the refund is due', ...afterSql("update payments set state = 'refund-due'") },
    does: 'cancel',
    ends: 'CANCELLED',
  },
];
