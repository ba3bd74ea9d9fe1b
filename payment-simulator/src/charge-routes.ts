import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Behaviour, Fate, RefundFate } from './behaviour.ts';
import type { Callbacks } from './callbacks.ts';
import { Charge, type Ledger, Summary } from './ledger.ts';

const Reference = Type.String({ minLength: 1, maxLength: 200, pattern: '^[\\x21-\\x7e]+$' });
const ChargeBody = Type.Object(
  {
    reference: Reference,
    amountMinor: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    currency: Type.String({ pattern: '^[A-Z]{3}$' }),
  },
  {
    additionalProperties: false,
    examples: [{ reference: 'order-17:1', amountMinor: 1_500, currency: 'KRW' }],
  },
);
type ChargeBody = Static<typeof ChargeBody>;
const ByReference = Type.Object(
  { reference: Reference },
  { additionalProperties: false, examples: [{ reference: 'order-17:1' }] },
);

type Deps = {
  readonly ledger: Ledger;
  readonly callbacks: Callbacks;
  /** Drawn for each charge whose reference is free. */
  readonly fate: () => Fate;
  /** Drawn for each call. */
  readonly refundFate: () => RefundFate;
  readonly current: { readonly behaviour: Behaviour };
};

/**
 * The reference is the idempotency key: whatever was decided for it first is answered ever after.
 * - 201 paid (200 for a repeat); 402 declined, for good; 422 the reference was used with another amount or currency
 * - 500 with `charged: false`: this call charged nothing
 * - no answer: charged or not, or not yet; `GET /charges?reference=` tells what was, the same charge sent again what is
 */
export function addChargeRoutes(
  app: FastifyInstance,
  { ledger, callbacks, fate, refundFate, current }: Deps,
): void {
  const hung = new Set<FastifyReply>();
  app.addHook('preClose', async () => {
    for (const reply of hung) reply.raw.destroy();
  });

  app.post<{ Body: ChargeBody }>(
    '/charges',
    {
      schema: {
        summary: 'Charge once per reference',
        body: ChargeBody,
        response: {
          200: Charge,
          201: Charge,
          ...problems('bad-request', 'payment-declined', 'idempotency-mismatch', 'internal-error'),
        },
      },
    },
    async ({ body }, reply) => {
      const { latencyMs, lateMs } = current.behaviour;
      const decided = ledger.has(body.reference) ? undefined : fate();
      if (decided === 'late-paid') await delay(lateMs);
      const isNew = await record(body, decided);
      if (latencyMs > 0) await delay(latencyMs);
      switch (decided) {
        case 'error':
          throw new AppError('internal-error', {
            detail: 'nothing was charged',
            members: { charged: false, reference: body.reference },
          });
        case 'hang-paid':
        case 'hang-lost':
          return leaveUnanswered(reply);
        case 'reset-paid':
          return cut(reply);
        case 'paid':
        case 'declined':
        case 'late-paid':
        case undefined:
          return reply.code(isNew ? 201 : 200).send(await outcome(body));
        default:
          return decided satisfies never;
      }
    },
  );

  app.get<{ Querystring: Static<typeof ByReference> }>(
    '/charges',
    {
      schema: {
        summary: 'What became of a reference',
        querystring: ByReference,
        response: { 200: Charge, ...problems('bad-request', 'not-found') },
      },
    },
    async ({ query }) => (await ledger.find(query.reference)) ?? notFound(query.reference),
  );

  app.post<{ Body: Static<typeof ByReference> }>(
    '/refunds',
    {
      schema: {
        summary: 'Refund a paid charge, once',
        body: ByReference,
        response: { 200: Charge, ...problems('bad-request', 'not-found', 'wrong-state', 'unavailable') },
      },
    },
    async ({ body }, reply) => {
      const fated = refundFate();
      if (fated === 'failed') throw new AppError('unavailable', { retryAfterSeconds: 1 });
      const { charge, isNew } = await ledger.refund(body.reference);
      if (charge !== undefined) {
        if (isNew) callbacks.tell(charge);
        return fated === 'made' ? charge : cut(reply);
      }
      if (!ledger.has(body.reference)) return notFound(body.reference);
      throw new AppError('wrong-state', { detail: 'a declined charge has nothing to refund' });
    },
  );

  app.get('/ledger', { schema: { summary: 'Sums over all charges', response: { 200: Summary } } }, () =>
    ledger.summary(),
  );

  /** True when this call took the reference: another may have, while a late one waited. */
  async function record(body: ChargeBody, decided: Fate | undefined): Promise<boolean> {
    if (decided === undefined || decided === 'error' || decided === 'hang-lost') return false;
    if (ledger.has(body.reference)) return false;
    const state = decided === 'declined' ? 'declined' : 'paid';
    const charge: Charge = { ...body, state, at: Date.now() };
    await ledger.charge(charge);
    callbacks.tell(charge);
    return true;
  }

  async function outcome({ reference, amountMinor, currency }: ChargeBody): Promise<Charge> {
    const charge = (await ledger.find(reference)) ?? notFound(reference);
    if (charge.amountMinor !== amountMinor || charge.currency !== currency) {
      throw new AppError('idempotency-mismatch', {
        detail: 'this reference was charged with another amount or currency',
      });
    }
    if (charge.state === 'declined') {
      throw new AppError('payment-declined', { members: { reference, state: 'declined', charged: false } });
    }
    return charge;
  }

  /** Keeps the connection open until the caller gives up or the simulator stops. */
  function leaveUnanswered(reply: FastifyReply): FastifyReply {
    hung.add(reply);
    reply.raw.once('close', () => hung.delete(reply));
    return reply.hijack();
  }

  function cut(reply: FastifyReply): FastifyReply {
    reply.hijack();
    reply.raw.destroy();
    return reply;
  }
}

function notFound(reference: string): never {
  throw new AppError('not-found', { detail: `no charge has the reference ${reference}` });
}
