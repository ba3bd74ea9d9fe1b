import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { AppError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { MetricsSource } from '../metrics.ts';
import { type ProblemCode, problem } from '../protocol/problem-codes.ts';
import { isSameSecret } from '../token/same-secret.ts';
import { answerClientError } from './client-errors.ts';

type Options = {
  readonly log: Logger;
  readonly bodyLimitBytes?: number;
  readonly handlerTimeoutMs?: number;
  readonly trustProxy?: readonly string[];
};

/**
 * Fastify as every Ropeline process uses it: nothing coerced or dropped in bodies, every error an RFC 9457
 * problem with a stable code, a deadline on every handler, the query string never logged.
 */
export function createHttp(options: Options): FastifyInstance {
  const app = Fastify({
    loggerInstance: options.log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyLimitBytes ?? 64 * 1024,
    requestTimeout: 15_000,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    trustProxy:
      options.trustProxy === undefined || options.trustProxy.length === 0 ? false : [...options.trustProxy],
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: false } },
    // What is refused before a route is found: a path that cannot be decoded, a parameter without end.
    frameworkErrors: answerError,
    clientErrorHandler: answerClientError,
  });
  addDeadline(app, options.handlerTimeoutMs ?? 10_000);
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request, reply) =>
    reply
      .code(404)
      .type('application/problem+json')
      .send(
        problem('not-found', `${request.method} ${request.url.split('?')[0]} is not a path of this service`),
      ),
  );
  return app;
}

/**
 * Answers 503 `timeout` for a handler that takes too long. Fastify's own `handlerTimeout` aborts a signal at the end of
 * every request, and the exception that this makes costs a tenth of a reserve; nobody here reads that signal.
 */
function addDeadline(app: FastifyInstance, timeoutMs: number): void {
  app.addHook('onRequest', (_request, reply, done) => {
    const timer = setTimeout(() => {
      if (reply.sent) return;
      // What the handler still brings or throws has nobody to hear it: Fastify must not call it an error of ours.
      reply.log = reply.log.child({}, { level: 'silent' });
      if (reply.raw.headersSent) reply.raw.destroy();
      else void reply.send(new AppError('timeout', { retryAfterSeconds: 1 }));
    }, timeoutMs);
    reply.raw.once('close', () => clearTimeout(timer));
    done();
  });
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = error instanceof AppError ? error : translate(error);
  if (known.status >= 500 && !known.temporary) {
    request.log.error(
      { err: error, method: request.method, route: request.routeOptions.url },
      'request failed',
    );
  }
  if (known.retryAfterSeconds !== undefined) reply.header('retry-after', String(known.retryAfterSeconds));
  return reply.code(known.status).type('application/problem+json').send(known.toProblem());
}

const byFastifyCode: Record<string, ProblemCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'bad-request',
  FST_ERR_CTP_INVALID_JSON_BODY: 'bad-request',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad-request',
  FST_ERR_VALIDATION: 'bad-request',
};

function translate(error: unknown): AppError {
  const { code, statusCode, message } = error as { code?: string; statusCode?: number; message?: string };
  const named = code === undefined ? undefined : byFastifyCode[code];
  if (named !== undefined) return new AppError(named, { cause: error, detail: message ?? named });
  if (statusCode === 429) return new AppError('too-many-requests', { cause: error, retryAfterSeconds: 1 });
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new AppError('bad-request', { cause: error, detail: message ?? 'bad request' });
  }
  return new AppError('internal-error', { cause: error });
}

type Probes = {
  readonly registry: MetricsSource;
  /** Resolves to the list of what is missing; empty when the process can do its work. */
  readonly notReady: () => Promise<readonly string[]> | readonly string[];
  readonly metricsToken?: string | undefined;
  /** Further members of the ready answer: what an operator should know though all is well. */
  readonly remarks?: Readonly<Record<string, string>>;
};

/** `/health/live`, `/health/ready` and `/metrics`. */
export function addProbes(app: FastifyInstance, probes: Probes): void {
  app.get('/health/live', { schema: { hide: true } as object }, () => ({ status: 'ok' }));
  app.get('/health/ready', { schema: { hide: true } as object }, async (_request, reply) => {
    const missing = await probes.notReady();
    return missing.length === 0
      ? { status: 'ok', ...probes.remarks }
      : reply.code(503).send({ status: 'not-ready', missing, ...probes.remarks });
  });
  app.get('/metrics', { schema: { hide: true } as object }, async (request, reply) => {
    if (
      probes.metricsToken !== undefined &&
      !isSameSecret(request.headers.authorization ?? '', `Bearer ${probes.metricsToken}`)
    ) {
      throw new AppError('token-required');
    }
    return reply.type(probes.registry.contentType).send(await probes.registry.metrics());
  });
}
