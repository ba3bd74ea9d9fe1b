import swagger from '@fastify/swagger';
import { addProbes, createHttp } from '@ropeline/core/http/fastify.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { FastifyInstance } from 'fastify';
import { Fates, harmless } from './behaviour.ts';
import { addBehaviourRoutes } from './behaviour-routes.ts';
import { Callbacks } from './callbacks.ts';
import { chanceFrom } from './chance.ts';
import { addChargeRoutes } from './charge-routes.ts';
import type { Ledger } from './ledger.ts';
import { createMetrics } from './metrics.ts';

type Options = {
  readonly log: Logger;
  readonly ledger: Ledger;
  /** Decides fates and callbacks. */
  readonly seed: number;
  /** Who is called back, and the secret that signs it. */
  readonly target: { readonly url: string; readonly secret: string } | undefined;
  readonly metricsToken?: string | undefined;
};

/** The longest latency that can be set, and some. */
const handlerTimeoutMs = 70_000;

/** A payment provider to try things on: keeps its word, remembers everything, misbehaves when told to. */
export async function createApp({
  log,
  ledger,
  seed,
  target,
  metricsToken,
}: Options): Promise<FastifyInstance> {
  const app = createHttp({ log, handlerTimeoutMs });
  await app.register(swagger, {
    openapi: { info: { title: 'Ropeline payment simulator', version: '1' } },
  });
  const current = { behaviour: harmless };
  const { registry, countFate, countCallback } = createMetrics();
  const fates = new Fates(seed);
  // A series of its own: how many callbacks there are must not change what becomes of charges.
  const chance = chanceFrom(seed + 1);
  const callbacks = new Callbacks({ target, current, chance, log, onOutcome: countCallback });
  app.addHook('onClose', () => callbacks.stop());
  await app.register(async (routes) => {
    const fate = () => countFate(fates.next(current.behaviour));
    const refundFate = () => fates.nextRefund(current.behaviour);
    addChargeRoutes(routes, { ledger, callbacks, fate, refundFate, current });
    addBehaviourRoutes(routes, current);
  });
  addProbes(app, { registry, notReady: () => [], metricsToken });
  app.get('/openapi.json', { schema: { hide: true } as object }, () => app.swagger());
  return app;
}
