/** A charge to make. The provider charges one reference once, however often it is sent. */
export type Charge = {
  readonly reference: string;
  readonly amountMinor: number;
  readonly currency: string;
  /** What is charged, in the provider's words; where it `needsMethod`. */
  readonly method?: string | undefined;
  /** When the reference may have been sent first, Unix ms; unset: this is its first call. */
  readonly firstSentAt?: number | undefined;
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
 * - `refunded`: the money is back, or was before; it may still come back to us.
 * - `pending`: it is on its way.
 * - `failed`: it was sent and came back to us, so that sending it again is of no use: a person must look.
 * - `nothing`: the provider says for certain that this reference took no money that could go back.
 * - `unknown`: ask again.
 */
export type RefundOutcome = {
  readonly kind: 'refunded' | 'pending' | 'failed' | 'nothing' | 'unknown';
  readonly detail?: string;
};

export type PaymentProvider = {
  /** Whether a charge needs the payer's payment method. */
  readonly needsMethod: boolean;
  /** Never throws; has a deadline of its own. */
  readonly charge: (charge: Charge) => Promise<ChargeOutcome>;
  /**
   * What the provider knows of a charge, without making one. `unknown` also when it does not know the reference: a call
   * may still be on its way. `providerId` is its own name for the charge, where a callback has told it.
   */
  readonly find: (charge: Charge, providerId?: string) => Promise<ChargeOutcome>;
  /** Gives a charge back, once however often it is asked. Never throws; has a deadline of its own. */
  readonly refund: (charge: Charge) => Promise<RefundOutcome>;
  /** What the provider knows of the refund of a charge that was refunded, without making one. As `find`. */
  readonly findRefund: (charge: Charge, providerId?: string) => Promise<RefundOutcome>;
  readonly close: () => Promise<void>;
};

/** A request that says it comes from the provider; header names in lower case. */
export type Callback = {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
};

/**
 * What a callback is about: a charge, or its refund. It is a reason to ask, never an answer: whoever forged it, sent it
 * late, twice or in another order learns and moves nothing.
 * - `forged`: not signed by the provider.
 * - `other`: the provider's, and about no charge of ours.
 */
export type CallbackSubject =
  | { readonly kind: 'charge'; readonly reference: string; readonly providerId?: string }
  | { readonly kind: 'forged' | 'other' };

/** Reads callbacks of one provider. Never throws. */
export type CallbackReader = (callback: Callback) => CallbackSubject;
