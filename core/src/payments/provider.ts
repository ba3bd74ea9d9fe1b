/** A charge to make. The provider charges one reference once, however often it is sent. */
export type Charge = {
  readonly reference: string;
  readonly amountMinor: number;
  readonly currency: string;
};

/**
 * What a call says of a charge.
 * - `paid`, `declined`: final, for the reference.
 * - `error`: this call charged nothing; an earlier one of the same reference may have.
 * - `unknown`: it may have been charged, or may still be.
 */
export type ChargeOutcome = {
  readonly kind: 'paid' | 'declined' | 'error' | 'unknown';
  readonly detail?: string;
};

/**
 * What a call says of a refund.
 * - `refunded`: the money is back, or was before.
 * - `nothing`: the provider says for certain that this reference took no money that could go back.
 * - `unknown`: ask again.
 */
export type RefundOutcome = {
  readonly kind: 'refunded' | 'nothing' | 'unknown';
  readonly detail?: string;
};

export type PaymentProvider = {
  /** Never throws; has a deadline of its own. */
  readonly charge: (charge: Charge) => Promise<ChargeOutcome>;
  /**
   * What the provider knows of a charge, without making one. `unknown` also when it does not know the reference: a call
   * may still be on its way.
   */
  readonly find: (charge: Charge) => Promise<ChargeOutcome>;
  /** Gives a charge back, once however often it is asked. Never throws; has a deadline of its own. */
  readonly refund: (charge: Charge) => Promise<RefundOutcome>;
  readonly close: () => Promise<void>;
};
