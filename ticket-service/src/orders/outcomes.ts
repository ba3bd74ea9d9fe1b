import type { OrderRecord, OrderState } from '@ropeline/core/stock/order-record.ts';

/** What became of asking for an order, beside the stock's refusals. */
export type Placed =
  | { readonly kind: 'created'; readonly order: OrderRecord }
  /** The key was used before, with the same body: the order as it is now. */
  | { readonly kind: 'repeated'; readonly order: OrderRecord };

/** Where an order stands after `pay`. */
export type PayOutcome =
  | { readonly kind: 'completed' | 'paying'; readonly order: OrderRecord }
  | { readonly kind: 'declined' | 'hold-expired' | 'hold-lost' }
  | { readonly kind: 'wrong-state'; readonly state: OrderState | '' }
  /** The provider needs to know what to charge. */
  | { readonly kind: 'method-required' }
  /** Certainly not charged; the hold stays. */
  | { readonly kind: 'unavailable' };

export type CancelOutcome =
  | { readonly kind: 'cancelled'; readonly order: OrderRecord }
  | { readonly kind: 'hold-expired' | 'hold-lost' }
  | { readonly kind: 'wrong-state'; readonly state: OrderState | '' };
