import { collectDefaultMetrics, Registry } from 'prom-client';

/** Where `/metrics` comes from: a process's own registry, or more. */
export type MetricsSource = Pick<Registry, 'contentType' | 'metrics'>;

/** A registry of its own per process (tests build several in one), with Node's default metrics. */
export function createRegistry(defaults = true): Registry {
  const registry = new Registry();
  if (defaults) collectDefaultMetrics({ register: registry });
  return registry;
}
