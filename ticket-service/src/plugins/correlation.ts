import { partitionOfOrder } from '@ropeline/core/stock/order-id.ts';
import type { FastifyInstance } from 'fastify';

/** Every log line of a call that names an order carries the order's id as `correlationId`. */
export function traceOrders(app: FastifyInstance): void {
  // No promise: it is in the way of every request.
  app.addHook('onRequest', (request, _reply, done) => {
    const { id } = request.params as { readonly id?: string };
    const correlationId = id?.toLowerCase();
    if (correlationId !== undefined && partitionOfOrder(correlationId) !== undefined)
      request.log = request.log.child({ correlationId });
    done();
  });
}
