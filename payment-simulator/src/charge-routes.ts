import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@ropeline/core/errors.ts';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Behaviour, Fate } from './behaviour.ts';
import { Charge, type Ledger, Summary } from './ledger.ts';

const Reference = Type.String({ minLength: 1, maxLength: 200, pattern: '^[\\x21-\\x7e]+$' });
const ChargeBody = Type.Object(
  {
    reference: Reference,
    amountMinor: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    currency: Type.String({ pattern: '^[A-Z]{3}$' }),
  },
  { additionalProperties: false },
);
type ChargeBody = Static<typeof ChargeBody>;
const ByReference = Type.Object({ reference: Reference }, { additionalProperties: false });

type Deps = {
  readonly ledger: Ledger;
  /** Drawn once for each charge that is new. */
  readonly fate: () => Fate;
  readonly current: { readonly behaviour: Behaviour };
};

/**
 * The reference is the idempotency key: whatever was decided for it first is answered ever after.
 * - 201 paid (200 for a repeat); 402 declined, for good; 422 the reference was used with another amount or currency
 * - 500 with `charged: false`: certainly nothing was charged, the reference is still free
 * - no answer: charged or not; `GET /charges?reference=` tells, or the same charge sent again
 */
export function addChargeRoutes(app: FastifyInstance, { ledger, fate, current }: Deps): void {
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
        response: { 200: Charge, 201: Charge },
      },
    },
    async ({ body }, reply) => {
      const { latencyMs } = current.behaviour;
      const isNew = !ledger.has(body.reference);
      const decided = isNew ? fate() : 'paid';
      if (isNew && decided !== 'error' && decided !== 'hang-lost') {
        const state = decided === 'declined' ? 'declined' : 'paid';
        await ledger.charge({ ...body, state, at: Date.now() });
      }
      if (latencyMs > 0) await delay(latencyMs);
      if (decided === 'error') {
        throw new AppError('internal-error', {
          detail: 'nothing was charged',
          members: { charged: false, reference: body.reference },
        });
      }
      if (decided === 'hang-paid' || decided === 'hang-lost') return leaveUnanswered(reply);
      return reply.code(isNew ? 201 : 200).send(await outcome(body));
    },
  );

  app.get<{ Querystring: Static<typeof ByReference> }>(
    '/charges',
    {
      schema: { summary: 'What became of a reference', querystring: ByReference, response: { 200: Charge } },
    },
    async ({ query }) => (await ledger.find(query.reference)) ?? notFound(query.reference),
  );

  app.post<{ Body: Static<typeof ByReference> }>(
    '/refunds',
    { schema: { summary: 'Refund a paid charge, once', body: ByReference, response: { 200: Charge } } },
    async ({ body }) => {
      const charge = await ledger.refund(body.reference);
      if (charge !== undefined) return charge;
      if (!ledger.has(body.reference)) return notFound(body.reference);
      throw new AppError('wrong-state', { detail: 'a declined charge has nothing to refund' });
    },
  );

  app.get('/ledger', { schema: { summary: 'Sums over all charges', response: { 200: Summary } } }, () =>
    ledger.summary(),
  );

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
}

function notFound(reference: string): never {
  throw new AppError('not-found', { detail: `no charge has the reference ${reference}` });
}
