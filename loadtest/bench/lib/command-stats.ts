import type { Redis } from '@ropeline/core/redis/connect.ts';

/** Calls and microseconds of Redis time by command; what scripts call counts under its own name too. */
export type CommandStats = ReadonlyMap<string, CommandStat>;
export type CommandStat = { readonly calls: number; readonly micros: number };

export type RedisLook = {
  /** Of `performance.now()`. */
  readonly at: number;
  /** Since that Redis began. */
  readonly stats: CommandStats;
};

export async function lookAtRedis(redis: Redis): Promise<RedisLook> {
  const info = await redis.info('commandstats');
  return { at: performance.now(), stats: parseCommandStats(info) };
}

/** Of `INFO commandstats`. */
export function parseCommandStats(info: string): CommandStats {
  const stats = new Map<string, CommandStat>();
  for (const [, name = '', calls, micros] of info.matchAll(/^cmdstat_([^:]+):calls=(\d+),usec=(\d+)/gm)) {
    stats.set(name, { calls: Number(calls), micros: Number(micros) });
  }
  return stats;
}

const none: CommandStat = { calls: 0, micros: 0 };

/** What ran between two looks, but for the looks themselves. */
export function between(before: CommandStats, after: CommandStats): CommandStats {
  const changes = new Map<string, CommandStat>();
  for (const [name, { calls, micros }] of after) {
    const old = before.get(name) ?? none;
    if (calls > old.calls && name !== 'info')
      changes.set(name, { calls: calls - old.calls, micros: micros - old.micros });
  }
  return changes;
}

/** Scripts that clients called, and the Redis time that they took, what they called included. */
export function scripts(stats: CommandStats): CommandStat {
  const [sha, text] = [stats.get('evalsha') ?? none, stats.get('eval') ?? none];
  return { calls: sha.calls + text.calls, micros: sha.micros + text.micros };
}

/** Redis time of all commands but the scripts themselves. */
export function commandMicros(stats: CommandStats): number {
  let micros = 0;
  for (const [name, stat] of stats) if (name !== 'evalsha' && name !== 'eval') micros += stat.micros;
  return micros;
}
