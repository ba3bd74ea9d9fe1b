import swagger from '@fastify/swagger';
import { addProbes, createHttp } from '@ropeline/core/http/fastify.ts';
import type { Logger } from '@ropeline/core/log.ts';
import { createRegistry } from '@ropeline/core/metrics.ts';
import type { FastifyInstance } from 'fastify';
import { type Fates, harmless } from './behaviour.ts';
import { addBehaviourRoutes } from './behaviour-routes.ts';
import { addChargeRoutes } from './charge-routes.ts';
import type { Ledger } from './ledger.ts';

type Options = {
  readonly log: Logger;
  readonly ledger: Ledger;
  readonly fates: Fates;
  readonly metricsToken?: string | undefined;
};

/** The longest latency that can be set, and some. */
const handlerTimeoutMs = 70_000;

/** A payment provider to try things on: keeps its word, remembers everything, misbehaves when told to. */
export async function createApp({ log, ledger, fates, metricsToken }: Options): Promise<FastifyInstance> {
  const app = createHttp({ log, handlerTimeoutMs });
  await app.register(swagger, {
    openapi: { info: { title: 'Ropeline payment simulator', version: '1' } },
  });
  const current = { behaviour: harmless };
  await app.register(async (routes) => {
    addChargeRoutes(routes, { ledger, fate: () => fates.next(current.behaviour), current });
    addBehaviourRoutes(routes, current);
  });
  addProbes(app, { registry: createRegistry(), notReady: () => [], metricsToken });
  app.get('/openapi.json', { schema: { hide: true } as object }, () => app.swagger());
  return app;
}
