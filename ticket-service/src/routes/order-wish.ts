import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '@ropeline/core/errors.ts';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { WantedUnits } from '../orders/wanted-units.ts';

const offerId = Type.Integer({ minimum: 1, maximum: 2_147_483_647 });
const night = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: "A date in the hotel's zone" });
const closed = { additionalProperties: false } as const;

/** Body of an order. One of the three, as the offer's kind asks for. */
export const OrderWish = Type.Union(
  [
    Type.Object({ offerId, quantity: Type.Integer({ minimum: 1, maximum: 1_000_000 }) }, closed),
    Type.Object(
      {
        offerId,
        seats: Type.Array(Type.String({ minLength: 1, maxLength: 16 }), { minItems: 1, maxItems: 100 }),
      },
      closed,
    ),
    Type.Object({ offerId, from: night, to: night }, closed),
  ],
  {
    examples: [
      { offerId: 1, quantity: 2 },
      { offerId: 2, seats: ['A1', 'A2'] },
      { offerId: 3, from: '2026-12-30', to: '2027-01-02' },
    ],
  },
);
export type OrderWish = Static<typeof OrderWish>;

const compiled = Compile(OrderWish);
const keyPattern = /^[\x21-\x7e]{1,200}$/;

/** The same schema where Fastify has not looked. */
export function isOrderWish(value: unknown): value is OrderWish {
  return compiled.Check(value);
}

export function wantedIn({ offerId: _, ...wanted }: OrderWish): WantedUnits {
  return wanted;
}

/** Throws 400 `idempotency-key-required` without one, 400 `bad-request` for what cannot be one. */
export function idempotencyKeyIn(headers: IncomingHttpHeaders): string {
  const key = headers['idempotency-key'];
  if (typeof key !== 'string' || key === '') throw new AppError('idempotency-key-required');
  if (!keyPattern.test(key)) {
    throw new AppError('bad-request', { detail: 'Idempotency-Key: 1 to 200 visible ASCII characters' });
  }
  return key;
}
