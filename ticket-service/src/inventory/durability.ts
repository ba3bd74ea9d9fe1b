import type { Redis } from '@ropeline/core/redis/connect.ts';

const wanted = { appendonly: 'yes', appendfsync: 'always', 'maxmemory-policy': 'noeviction' } as const;

/**
 * What keeps this Redis from holding the stock: an answered sale must survive a killed Redis, so it has to sync its
 * file before it answers, and must never evict a key. Empty when all is well.
 */
export async function durabilityProblems(redis: Redis): Promise<readonly string[]> {
  try {
    const values = await Promise.all(Object.keys(wanted).map((name) => redis.config('GET', name)));
    return Object.entries(wanted).flatMap(([name, value], at) => {
      const found = configured(values[at], name);
      return found === value ? [] : [`${name} is ${found ?? 'unknown'}, not ${value}`];
    });
  } catch (error) {
    return [`its configuration cannot be read (${(error as Error).message})`];
  }
}

/** RESP3 answers a map, RESP2 a list of name and value. */
function configured(reply: unknown, name: string): string | undefined {
  if (Array.isArray(reply)) return reply[1] as string | undefined;
  if (reply instanceof Map) return reply.get(name) as string | undefined;
  return (reply as Record<string, string> | undefined)?.[name];
}
