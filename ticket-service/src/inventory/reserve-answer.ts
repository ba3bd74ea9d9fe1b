import { AppError } from '@ropeline/core/errors.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';
import { free } from '../offers/stock-counts.ts';
import type { ReserveItem, ReserveReply } from './reserve-batcher.ts';

/** What became of a reserve; nothing is held unless it was `taken`, or `same` says by which order. */
export type ReserveAnswer =
  | { readonly kind: 'taken'; readonly order: OrderRecord }
  /** This order exists, or one of the same idempotency key and body. */
  | { readonly kind: 'same'; readonly orderId: string }
  /** The idempotency key was used with another body. */
  | { readonly kind: 'mismatch' }
  /** `taken-by-other`: one of the named units is somebody else's. */
  | { readonly kind: 'sold-out' | 'all-held' | 'taken-by-other'; readonly available: number }
  | { readonly kind: 'limit'; readonly of: 'member' | 'entry' }
  /** The outbox is full: sales wait for persistence. */
  | { readonly kind: 'behind' }
  /** The offer has no units in Redis yet. */
  | { readonly kind: 'unknown-offer' };

export function reserveAnswer(item: ReserveItem, reply: ReserveReply): ReserveAnswer {
  switch (reply.code) {
    case 1:
      return { kind: 'taken', order: takenOrder(item, reply) };
    case 2:
      return { kind: 'same', orderId: reply.orderId };
    case 3:
      return { kind: 'mismatch' };
    case 4:
      return { kind: 'sold-out', available: free(reply) };
    case 5:
      return { kind: 'all-held', available: free(reply) };
    case 6:
      return { kind: 'limit', of: 'member' };
    case 7:
      return { kind: 'limit', of: 'entry' };
    case 8:
      return { kind: 'behind' };
    case 9:
      throw new AppError('bad-request', { detail: 'A number is out of range' });
    case 10:
      return { kind: 'unknown-offer' };
    case 11:
      return { kind: 'taken-by-other', available: free(reply) };
    default:
      throw new Error(`reserve_units answered ${reply.code}`);
  }
}

/** The order as the script wrote it. */
function takenOrder(item: ReserveItem, { now, holdUntil }: ReserveReply): OrderRecord {
  const { orderId, offerId, memberId, quantity, units, amountMinor, currency } = item;
  const { entry, idempotencyKey, bodyHash } = item;
  return {
    orderId,
    version: 1,
    state: item.holdMs > 0 ? 'RESERVED' : 'COMPLETED',
    offerId,
    memberId,
    units,
    quantity,
    amountMinor,
    currency,
    attempt: 0,
    entry,
    idempotencyKey,
    bodyHash,
    holdUntil,
    createdAt: now,
    updatedAt: now,
  };
}
