import { type Static, Type } from 'typebox';

/**
 * An order as the stock Redis holds it and as every outbox entry carries it, whole.
 *
 * States, and what enters and leaves them (PENDING and REJECTED are never stored):
 * - `RESERVED`: units held until `holdUntil`. Entered by reserve (version 1) or from PAYING when it is certain
 *   that nothing was charged. Left by pay, cancel, expiry.
 * - `PAYING`: expiry is stopped, the provider may be charging attempt `attempt`. Left by confirm, decline, or
 *   back to RESERVED.
 * - `COMPLETED`: units sold. Left only by cancel (the payment is then `refund-due`).
 * - `CANCELLED`, `EXPIRED`: units given back. Final.
 *
 * `version` grows by one per transition, set by the script that makes it. The higher version wins everywhere.
 */
export const orderStates = ['RESERVED', 'PAYING', 'COMPLETED', 'CANCELLED', 'EXPIRED'] as const;
export type OrderState = (typeof orderStates)[number];

export const OrderRecord = Type.Object({
  /**
   * UUIDv7, made by the service; the script's own idempotency key. Its last byte is the order's stock partition
   * (see order-id.ts), so that an order is found by its id alone.
   */
  orderId: Type.String({ format: 'uuid' }),
  version: Type.Integer({ minimum: 1 }),
  state: Type.Enum(orderStates),
  offerId: Type.Integer({ minimum: 1 }),
  memberId: Type.String(),
  /** What is held: of a `pool` the quantity in digits, of other kinds the units' names in a comma list. */
  units: Type.String(),
  quantity: Type.Integer({ minimum: 1 }),
  /** Minor units of `currency` (ISO 4217). */
  amountMinor: Type.Integer({ minimum: 0 }),
  currency: Type.String(),
  /** Payment attempts begun; 0 before the first. */
  attempt: Type.Integer({ minimum: 0 }),
  /** `jti` of the entry token, empty when the order needed none. */
  entry: Type.String(),
  idempotencyKey: Type.String(),
  /** Hash of the request's body, to tell a repeat from a misuse of the key. */
  bodyHash: Type.String(),
  /** Times in Unix ms, Redis time. */
  holdUntil: Type.Integer(),
  createdAt: Type.Integer(),
  updatedAt: Type.Integer(),
});
export type OrderRecord = Static<typeof OrderRecord>;

/** Field names in the order in which scripts write them to the order's hash and to the outbox stream. */
export const orderFields = Object.keys(OrderRecord.properties) as readonly (keyof OrderRecord)[];
