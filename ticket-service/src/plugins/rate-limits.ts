import rateLimit from '@fastify/rate-limit';
import { AppError } from '@ropeline/core/errors.ts';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import type { FastifyInstance } from 'fastify';
import { isLoopback } from '../config.ts';

/**
 * Limits per address, counted in Redis over all processes; only routes that ask for one have one. Peers on
 * loopback are not counted: a local gateway or load test speaks for many. Redis away: nobody is refused here,
 * the log-in's own checks still stand.
 */
export async function rateLimits(app: FastifyInstance, redis: Redis): Promise<void> {
  await app.register(rateLimit, {
    global: false,
    redis,
    nameSpace: 'ropeline:rate:',
    skipOnError: true,
    allowList: (request) => isLoopback(request.ip),
    errorResponseBuilder: (_request, { ttl }) =>
      new AppError('too-many-requests', { retryAfterSeconds: Math.max(1, Math.ceil(ttl / 1_000)) }),
  });
}

/** `config` of a route that one address may call so often a minute. */
export function perMinute(max: number): {
  readonly rateLimit: { readonly max: number; readonly timeWindow: number };
} {
  return { rateLimit: { max, timeWindow: 60_000 } };
}
