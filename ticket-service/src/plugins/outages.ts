import { AppError } from '@ropeline/core/errors.ts';
import type { FastifyInstance } from 'fastify';

/**
 * Redis or Postgres away or at its limits is no fault of ours to be looked into for each request: 503 `unavailable` with
 * `Retry-After` instead of 500. Everything else goes on to the error handler of the whole server.
 */
export function answerOutages(app: FastifyInstance): void {
  app.setErrorHandler((error) => {
    throw isOutage(error) ? new AppError('unavailable', { cause: error, retryAfterSeconds: 1 }) : error;
  });
}

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
]);
/**
 * Postgres: connection lost (08), too many connections or a full disk (53), shutting down, starting or past a
 * deadline (57), deadlock (40), a lock that was not given (55P03), a transaction that idled (25P03).
 */
const postgresStates = /^(08|53|57|40|55P03|25P03)/;
/** Redis is there, but takes no writes now: full memory or disk, loading, a replica, without its replicas. */
const redisRefusals = /^(OOM|MISCONF|LOADING|BUSY|READONLY|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|TRYAGAIN) /;
/** What ioredis and pg say without a code of their own. */
const messages =
  /^(Connection is closed|Command timed out|Stream isn't writeable|Connection terminated|Query read timeout|timeout exceeded when trying to connect|Reached the max retries per request)/;

export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof AppError) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && (networkCodes.has(code) || postgresStates.test(code))) return true;
  return messages.test(error.message) || redisRefusals.test(error.message);
}
