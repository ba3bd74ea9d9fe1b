import { AppError } from '@ropeline/core/errors.ts';
import type { FastifyInstance } from 'fastify';

/**
 * Redis or Postgres away is no fault of ours to be looked into for each request: 503 `unavailable` with
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
/** Postgres: connection lost (08), too many connections (53), shutting down or starting (57P). */
const postgresClasses = /^(08|53|57P)/;
/** What ioredis and pg say without a code of their own. */
const messages =
  /^(Connection is closed|Command timed out|Stream isn't writeable|Connection terminated|timeout exceeded when trying to connect|Reached the max retries per request)/;

export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof AppError) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && (networkCodes.has(code) || postgresClasses.test(code))) return true;
  return messages.test(error.message);
}
