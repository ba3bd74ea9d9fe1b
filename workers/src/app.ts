import { AppError } from '@ropeline/core/errors.ts';
import { addProbes, createHttp } from '@ropeline/core/http/fastify.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { isSameSecret } from '@ropeline/core/token/same-secret.ts';
import type { FastifyInstance } from 'fastify';
import type { Try } from './dead-letter-tries.ts';
import type { WorkersMetrics } from './metrics.ts';
import { addDeadLetterRoutes } from './routes/dead-letters.ts';

type Options = {
  readonly log: Logger;
  readonly pool: Pool;
  readonly metrics: WorkersMetrics;
  readonly notReady: () => Promise<readonly string[]>;
  readonly redrive: (id: number) => Promise<Try>;
  readonly metricsToken?: string | undefined;
  readonly workersToken?: string | undefined;
};

/** Health, metrics and dead letters; builds, does not listen. */
export function createApp(options: Options): FastifyInstance {
  const { log, pool, metrics, notReady, metricsToken, workersToken, redrive } = options;
  const app = createHttp({ log });
  addProbes(app, { registry: metrics.registry, notReady, metricsToken });
  app.register(async (guarded) => {
    guarded.addHook('onRequest', async ({ headers, ip }) => {
      const allowed =
        workersToken === undefined
          ? loopback.has(ip)
          : isSameSecret(headers.authorization ?? '', `Bearer ${workersToken}`);
      if (!allowed) throw new AppError('token-required');
    });
    addDeadLetterRoutes(guarded, { pool, redrive });
  });
  return app;
}

const loopback: ReadonlySet<string> = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);
