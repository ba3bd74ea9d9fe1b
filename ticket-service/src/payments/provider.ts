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

export type PaymentProvider = {
  /** Never throws; has a deadline of its own. */
  readonly charge: (charge: Charge) => Promise<ChargeOutcome>;
};
