import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Products } from '../inventory/products.ts';

const ProductId = Type.Integer({ minimum: 1, maximum: 2_147_483_647 });
const Get = Type.Object({ product_id: ProductId }, { examples: [{ product_id: 1 }] });
const Move = Type.Object(
  { product_id: ProductId, quantity: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) },
  { examples: [{ product_id: 1, quantity: 1 }] },
);
type Move = Static<typeof Move>;

const count = Type.Integer();
const answers = {
  get: Type.Object(
    { product_id: count, quantity: count, reserved: count },
    { examples: [{ product_id: 1, quantity: 100, reserved: 3 }] },
  ),
  reserve: Type.Object(
    { status: Type.Literal('reserved'), reserved: count },
    { examples: [{ status: 'reserved', reserved: 3 }] },
  ),
  confirm: Type.Object(
    { status: Type.Literal('confirmed'), remaining: count },
    { examples: [{ status: 'confirmed', remaining: 97 }] },
  ),
  cancel: Type.Object(
    { status: Type.Literal('cancelled'), released: count },
    { examples: [{ status: 'cancelled', released: 1 }] },
  ),
};
const Malformed = Type.Object(
  { error: Type.String() },
  { examples: [{ error: 'body/quantity must be >= 1' }] },
);
const NotFound = Type.Object({ error: Type.String() }, { examples: [{ error: 'not found' }] });
const TooMany = Type.Object(
  { error: Type.String(), available: count, requested: count },
  { examples: [{ error: 'insufficient stock', available: 0, requested: 1 }] },
);

/**
 * The stock API of a replaced system: anonymous, and its refusals are `{error}`, not problems. Must be registered
 * where JSON is read whatever the Content-Type says.
 */
export function sourceStockRoutes(app: FastifyInstance, products: Products): void {
  const schema = (what: keyof typeof answers, summary: string, body: object) => ({
    ...{ tags: ['source'], summary, body },
    response: {
      ...{ 200: answers[what], 400: Malformed, 404: NotFound, ...problems('not-ready', 'unavailable') },
      ...(what === 'reserve' || what === 'confirm' ? { 409: TooMany } : {}),
    },
  });

  // A plugin of its own, for its answers to errors.
  void app.register(async (routes) => {
    routes.setErrorHandler((error, _request, reply) => {
      const known = error instanceof AppError ? error : undefined;
      const status = known?.status ?? (error as { statusCode?: number }).statusCode ?? 500;
      // Outages and our own faults are told as everywhere.
      if (status >= 500) throw error;
      return reply.code(status).send({ error: (error as Error).message });
    });

    routes.post<{ Body: Static<typeof Get> }>(
      '/api/stock/get',
      { schema: schema('get', 'Stock API: what there is', Get) },
      async ({ body }, reply) => {
        const stock = await products.read(body.product_id);
        if (stock === undefined) return notFound(reply);
        const { capacity, held, sold } = stock;
        return { product_id: body.product_id, quantity: capacity - sold, reserved: held };
      },
    );

    routes.post<{ Body: Move }>(
      '/api/stock/reserve',
      { schema: schema('reserve', 'Stock API: reserve', Move) },
      async ({ body }, reply) => {
        const outcome = await products.reserve(body.product_id, body.quantity);
        if (outcome.kind === 'unknown') return notFound(reply);
        if (outcome.kind === 'too-many') return tooMany(reply, outcome.available, body.quantity);
        return { status: 'reserved', reserved: outcome.stock.held };
      },
    );

    routes.post<{ Body: Move }>(
      '/api/stock/confirm',
      { schema: schema('confirm', 'Stock API: sell what was reserved', Move) },
      async ({ body }, reply) => {
        const outcome = await products.confirm(body.product_id, body.quantity);
        if (outcome.kind === 'unknown') return notFound(reply);
        if (outcome.kind === 'too-many') return tooMany(reply, outcome.available, body.quantity);
        const { capacity, sold } = outcome.stock;
        return { status: 'confirmed', remaining: capacity - sold };
      },
    );

    routes.post<{ Body: Move }>(
      '/api/stock/cancel',
      { schema: schema('cancel', 'Stock API: release what was reserved', Move) },
      async ({ body }, reply) => {
        const outcome = await products.cancel(body.product_id, body.quantity);
        if (outcome.kind === 'unknown') return notFound(reply);
        return { status: 'cancelled', released: outcome.released };
      },
    );
  });
}

function notFound(reply: FastifyReply): FastifyReply {
  return reply.code(404).send({ error: 'not found' });
}

function tooMany(reply: FastifyReply, available: number, requested: number): FastifyReply {
  return reply.code(409).send({ error: 'insufficient stock', available, requested });
}
