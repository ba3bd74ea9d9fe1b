/** What members did and heard, and what was there in the end: all that the judge of orders is given. */
export type History = {
  readonly calls: readonly Call[];
};

export type Wish = 'order' | 'pay' | 'cancel' | 'read' | 'issue';

/** One call of a member with its answer, as the member has them. Times in Unix ms. */
export type Call = {
  readonly wish: Wish;
  readonly member: string;
  readonly offerId: number;
  /** The idempotency key that the order was made with. */
  readonly key: string;
  /** The order that is meant; unknown before the first answer. */
  readonly orderId?: string;
  readonly began: number;
  readonly ended: number;
  /** Undefined: no answer came. */
  readonly status?: number;
  /** The problem's code, or what came of asking for a coupon. */
  readonly code?: string;
  readonly told?: ToldOrder;
};

export type State = 'RESERVED' | 'PAYING' | 'COMPLETED' | 'CANCELLED' | 'EXPIRED';

export type ToldOrder = {
  readonly orderId: string;
  readonly state: State;
  readonly version: number;
  /** A count in digits, or names in a comma list. */
  readonly units: string;
  readonly amountMinor: number;
  readonly holdUntil: number;
};

/** What is there when all is quiet. */
export type End = {
  readonly offers: readonly OfferEnd[];
  /** As Postgres has them. */
  readonly orders: readonly OrderEnd[];
  /** Those that Redis has not forgotten yet. */
  readonly inRedis: readonly Pick<OrderEnd, 'orderId' | 'version' | 'state'>[];
  /** Every version of every order that was told as an event, in any order. */
  readonly steps: readonly Step[];
  readonly payments: readonly PaymentEnd[];
  /** The lines of the provider's ledger, as they were written. */
  readonly ledger: readonly LedgerLine[];
  /** What should be nothing by now. */
  readonly left: { readonly outbox: number; readonly transfers: number; readonly deadLetters: number };
};

export type OfferEnd = {
  readonly offerId: number;
  readonly title: string;
  readonly isCoupon: boolean;
  readonly capacity: number;
  /** Held and sold as Postgres counts. */
  readonly taken: number;
  /** Summed over its shards. */
  readonly redis: { readonly capacity: number; readonly held: number; readonly sold: number };
  /** Named unit -> order. */
  readonly namesInRedis: ReadonlyMap<string, string>;
  readonly namesInPostgres: ReadonlyMap<string, string>;
  /** Member -> units held and bought, by Redis; who has none may be in it with 0. */
  readonly members: ReadonlyMap<string, number>;
};

export type OrderEnd = {
  readonly orderId: string;
  readonly version: number;
  readonly state: State;
  readonly offerId: number;
  readonly memberId: string;
  readonly key: string;
  readonly units: string;
  readonly quantity: number;
  readonly amountMinor: number;
  readonly attempt: number;
};

export type Step = {
  readonly orderId: string;
  readonly version: number;
  readonly state: State;
  readonly offerId: number;
  readonly units: string;
  readonly quantity: number;
  /** Unix ms of Redis. */
  readonly at: number;
};

export type PaymentEnd = {
  readonly orderId: string;
  readonly attempt: number;
  readonly reference: string;
  readonly state: string;
};

export type LedgerLine = {
  readonly reference: string;
  readonly state: 'paid' | 'declined' | 'refunded';
  readonly amountMinor: number;
};

export const namesIn = (units: string): readonly string[] => (/^\d+$/.test(units) ? [] : units.split(','));

export const holdsUnits = (state: State): boolean => state !== 'CANCELLED' && state !== 'EXPIRED';
