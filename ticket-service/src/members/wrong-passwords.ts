import { createHash } from 'node:crypto';
import { AppError } from '@ropeline/core/errors.ts';
import type { Redis } from '@ropeline/core/redis/connect.ts';

const windowSeconds = 15 * 60;
const allowed = 10;

/**
 * Counts the wrong passwords of an id, known or not, over all processes: after ten within 15 minutes of the first
 * nobody may try that id until the window ends. Right ones and refusals never count.
 */
export class WrongPasswords {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** Throws 429 `too-many-logins`; 503 `unavailable` when Redis cannot say (an open door to guessing otherwise). */
  async check(id: string): Promise<void> {
    const key = keyOf(id);
    const [count, ttlMs] = await reachable(Promise.all([this.#redis.get(key), this.#redis.pttl(key)]));
    if (Number(count) < allowed) return;
    throw new AppError('too-many-logins', { retryAfterSeconds: Math.max(1, Math.ceil(ttlMs / 1_000)) });
  }

  async count(id: string): Promise<void> {
    const key = keyOf(id);
    await reachable(this.#redis.multi().set(key, 0, 'EX', windowSeconds, 'NX').incr(key).exec());
  }
}

/** Hashed: what people type into an id field may be a password. */
function keyOf(id: string): string {
  return `ropeline:wrong-passwords:${createHash('sha256').update(id).digest('base64url')}`;
}

async function reachable<T>(reply: Promise<T>): Promise<T> {
  try {
    return await reply;
  } catch (cause) {
    throw new AppError('unavailable', { cause, retryAfterSeconds: 1 });
  }
}
