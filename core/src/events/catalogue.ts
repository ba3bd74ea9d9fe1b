import { type Static, type TObject, Type } from 'typebox';
import { OrderRecord, type orderStates } from '../stock/order-record.ts';

/**
 * Every event that Ropeline's ticket side emits. A type's fields may grow; whatever would break a reader gets a new
 * `schemaVersion`, and a type is never used for something else. docs/events.schema.json is made from here.
 *
 * An event's id is what changed and its version: `order:<id>:<version>`. The correlation id is the order's, or
 * `offer:<id>` for what concerns no order: it stands in every event, outbox entry and log line of the same matter. A
 * range job, which is of many matters, has one of its own (`rangeCorrelationId`).
 */
const Minor = Type.Integer({ minimum: 0, description: 'Minor units of the currency' });
const Currency = Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217' });

/** The whole order as it was then, without what tells repeats of a request apart. */
const OrderData = Type.Omit(OrderRecord, ['idempotencyKey', 'bodyHash']);
export type OrderData = Static<typeof OrderData>;

const PaymentData = Type.Object({
  orderId: Type.String({ format: 'uuid' }),
  attempt: Type.Integer({ minimum: 1 }),
  reference: Type.String({ description: "The provider's idempotency key" }),
  state: Type.Enum(['pending', 'paid', 'declined', 'unknown', 'refund-due', 'refunded']),
  amountMinor: Minor,
  currency: Currency,
});

const CouponData = Type.Object({
  couponId: Type.Integer({ minimum: 1 }),
  memberId: Type.String(),
  orderId: Type.String({ format: 'uuid', description: 'The order by which it was issued' }),
});

const StockData = Type.Object({
  offerId: Type.Integer({ minimum: 1 }),
  capacity: Type.Integer({ minimum: 0 }),
  taken: Type.Integer({ minimum: 0, description: 'Held and sold, as Postgres has it' }),
});

const OfferData = Type.Object({
  offerId: Type.Integer({ minimum: 1 }),
  kind: Type.Enum(['pool', 'seats', 'nights']),
  title: Type.String(),
  capacity: Type.Integer({ minimum: 0 }),
  priceMinor: Minor,
  currency: Currency,
  rooms: Type.Array(Type.String()),
  stockRoom: Type.Union([Type.String(), Type.Null()]),
  hostId: Type.Union([Type.String(), Type.Null()]),
  isWithdrawn: Type.Boolean(),
});

type Entry = { readonly schemaVersion: number; readonly when: string; readonly data: TObject };

export const eventCatalogue = {
  'order.reserved': { schemaVersion: 1, when: 'Units are held for payment', data: OrderData },
  'order.paying': { schemaVersion: 1, when: 'A payment attempt has begun', data: OrderData },
  'order.released': { schemaVersion: 1, when: 'The attempt charged nothing: held again', data: OrderData },
  'order.completed': { schemaVersion: 1, when: 'Sold', data: OrderData },
  'order.cancelled': { schemaVersion: 1, when: 'Cancelled or declined: units are free', data: OrderData },
  'order.expired': { schemaVersion: 1, when: 'The hold ran out: units are free', data: OrderData },
  'coupon.issued': { schemaVersion: 1, when: 'A member has a coupon', data: CouponData },
  'payment.begun': { schemaVersion: 1, when: 'The provider is about to be asked', data: PaymentData },
  'payment.paid': { schemaVersion: 1, when: 'The provider has the money', data: PaymentData },
  'payment.declined': { schemaVersion: 1, when: 'The attempt charged nothing', data: PaymentData },
  'payment.unknown': { schemaVersion: 1, when: 'The provider gave no answer yet', data: PaymentData },
  'refund.due': { schemaVersion: 1, when: 'Money is to go back', data: PaymentData },
  'refund.made': { schemaVersion: 1, when: 'Money went back', data: PaymentData },
  'stock.changed': { schemaVersion: 1, when: 'Other units are there, or taken', data: StockData },
  'offer.created': { schemaVersion: 1, when: 'An offer was made', data: OfferData },
  'offer.changed': { schemaVersion: 1, when: 'Its rules or words have changed', data: OfferData },
  'offer.withdrawn': { schemaVersion: 1, when: 'It is no longer for sale', data: OfferData },
} as const satisfies Record<string, Entry>;
export type EventType = keyof typeof eventCatalogue;
export const eventTypes = Object.keys(eventCatalogue) as readonly EventType[];

/** An event as consumers get it. Times are Unix ms. */
export type RopelineEvent = {
  readonly id: string;
  readonly type: EventType;
  readonly schemaVersion: number;
  readonly correlationId: string;
  /** What changed: `order`, `coupon`, `payment-<attempt>`, `stock`, `offer`, within the correlation id. */
  readonly aggregate: string;
  /** Grows by one with every change of the aggregate. */
  readonly version: number;
  readonly occurredAt: number;
  readonly data: Readonly<Record<string, unknown>>;
};

/** The JSON Schema of one type of event, envelope and all. */
export function eventSchema(type: EventType): TObject {
  const { schemaVersion, when, data } = eventCatalogue[type];
  return Type.Object(
    {
      id: Type.String({
        description: '`<correlationId>:<aggregate>:<version>`; the same event has the same id',
      }),
      type: Type.Literal(type),
      schemaVersion: Type.Literal(schemaVersion),
      correlationId: Type.String(),
      aggregate: Type.String(),
      version: Type.Integer({ minimum: 1 }),
      occurredAt: Type.Integer({ description: 'Unix ms' }),
      data,
    },
    { title: type, description: when },
  );
}

/** Which event an order's version is. */
export function orderEventType({
  state,
  version,
}: {
  readonly state: (typeof orderStates)[number];
  readonly version: number;
}): EventType {
  switch (state) {
    case 'RESERVED':
      return version === 1 ? 'order.reserved' : 'order.released';
    case 'PAYING':
      return 'order.paying';
    case 'COMPLETED':
      return 'order.completed';
    case 'CANCELLED':
      return 'order.cancelled';
    case 'EXPIRED':
      return 'order.expired';
    default:
      return state satisfies never;
  }
}
