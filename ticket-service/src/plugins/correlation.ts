import { partitionOfOrder } from '@ropeline/core/stock/order-id.ts';
import type { FastifyInstance } from 'fastify';

/** Every log line of a call that names an order carries the order's id as `correlationId`. */
export function traceOrders(app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    const { id } = request.params as { readonly id?: string };
    const correlationId = id?.toLowerCase();
    if (correlationId === undefined || partitionOfOrder(correlationId) === undefined) return;
    request.log = request.log.child({ correlationId });
  });
}
