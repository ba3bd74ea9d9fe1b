import { addProbes, createHttp } from '@ropeline/core/http/fastify.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { MetricsSource } from '@ropeline/core/metrics.ts';
import type { RedisClient } from '@ropeline/core/redis/connect.ts';
import type { FastifyInstance } from 'fastify';
import { CodeBook } from '../queue/code-book.ts';
import type { Rooms } from '../queue/rooms.ts';
import { actionRoutes } from './action-routes.ts';
import { createAuth } from './auth.ts';
import { codeRoutes } from './code-routes.ts';
import { drawRoutes } from './draw-routes.ts';
import { openApi } from './openapi.ts';
import type { OperatorTokens } from './operator-tokens.ts';
import { previewRoutes } from './preview-routes.ts';
import { recordRoutes } from './record-routes.ts';
import { readJson } from './requests.ts';
import { roomRoutes } from './room-routes.ts';
import { signalRoutes } from './signal-routes.ts';
import { statsRoutes } from './stats-routes.ts';
import { StatsStreams } from './stats-streams.ts';
import { visitorRoutes } from './visitor-routes.ts';

type Options = {
  readonly rooms: Rooms;
  readonly redis: RedisClient;
  readonly registry: MetricsSource;
  readonly tokens: OperatorTokens;
  /** The ticket service's; without it only operators may signal. */
  readonly signalToken?: string | undefined;
  readonly metricsToken?: string | undefined;
  readonly log: Logger;
  /** What else is missing for this process to do its work. */
  readonly notReady?: () => readonly string[];
};

/** The operator's door, not listening yet. Closing it ends its open streams. */
export async function createControlPlane(options: Options): Promise<FastifyInstance> {
  const { rooms, redis, registry, tokens, signalToken, metricsToken, log } = options;
  const auth = createAuth(tokens, signalToken);
  const streams = new StatsStreams();
  const app = createHttp({ log });
  app.decorateRequest('operator', null);
  app.addHook('preClose', async () => streams.close());
  await openApi(app);
  addProbes(app, {
    registry,
    metricsToken,
    notReady: () => [...(redis.status === 'ready' ? [] : ['redis']), ...(options.notReady?.() ?? [])],
  });
  await app.register(async (api) => {
    readJson(api);
    roomRoutes(api, { rooms, auth });
    actionRoutes(api, { rooms, auth });
    statsRoutes(api, { rooms, auth, streams });
    recordRoutes(api, { rooms, redis, auth });
    visitorRoutes(api, { rooms, redis, auth });
    drawRoutes(api, { rooms, auth });
    signalRoutes(api, { rooms, auth });
    previewRoutes(api, { rooms, auth });
    codeRoutes(api, { rooms, codeBook: new CodeBook(redis), auth });
  });
  return app;
}
