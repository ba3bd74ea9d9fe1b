import { createLog } from '@ropeline/core/log.ts';
import { createRegistry } from '@ropeline/core/metrics.ts';
import { connectRedis, connectRedisForWaiting, type Redis } from '@ropeline/core/redis/connect.ts';
import { createMetrics } from '../../../gateway/src/metrics.ts';
import { RedisQueueEngine } from '../../../gateway/src/queue/redis-engine.ts';
import { RoomCursor } from '../../../gateway/src/queue/room-cursor.ts';
import { Rooms } from '../../../gateway/src/queue/rooms.ts';
import { defaultRules, mergeRules, type RoomRules } from '../../../gateway/src/queue/rules.ts';
import { newVisitorId } from '../../../gateway/src/queue/visitor-id.ts';

/** A room and an engine of the benchmark's own to act on it. */
export type BenchRoom = {
  readonly redis: Redis;
  readonly engine: RedisQueueEngine;
  readonly cursor: RoomCursor;
};

export const benchLog = createLog('bench', 'warn');
const joinsAtOnce = 2_000;

/** A room that exists, as a gateway sees it that takes joins and never ticks. */
export async function enterRoom(redisUrl: string, name: string): Promise<BenchRoom> {
  const redis = connectRedis(redisUrl, { name: 'bench', log: benchLog, commandTimeoutMs: 10_000 });
  await redis.connect();
  const engine = new RedisQueueEngine(redis);
  const cursor = new RoomCursor(name);
  cursor.adopt(await engine.read(name, []));
  cursor.adopt(await engine.read(name, cursor.lanes));
  return { redis, engine, cursor };
}

/** Makes a room with what differs from the default rules. Nobody ticks it. */
export async function makeRoom(redisUrl: string, name: string, differences: unknown): Promise<BenchRoom> {
  // What a gateway that is stopped at once has to say is of no interest.
  const log = createLog('bench', 'silent');
  const redis = connectRedis(redisUrl, { name: 'bench-maker', log });
  const subscriber = connectRedisForWaiting(redisUrl, { name: 'bench-maker', log });
  const metricsOf = createMetrics(createRegistry(false)).ofRoom;
  const rooms = new Rooms({ engine: new RedisQueueEngine(redis), redis, subscriber, log, metricsOf });
  await rooms.start();
  // Decode boundary: the differences are the benchmark's own.
  await rooms.create(name, mergeRules(defaultRules, differences) as RoomRules, 'bench');
  await rooms.stop();
  for (const client of [redis, subscriber]) client.disconnect();
  return enterRoom(redisUrl, name);
}

/**
 * Joins of so many visitors by the script that gateways call. They lose their leases, as who has opened a socket
 * does, unless `leases` are kept.
 */
export async function seat(
  { engine, cursor, redis }: BenchRoom,
  count: number,
  leases: 'keep' | 'drop' = 'drop',
): Promise<void> {
  for (let seated = 0; seated < count; seated += joinsAtOnce) {
    const joins = Array.from({ length: Math.min(joinsAtOnce, count - seated) }, () =>
      engine.join(cursor, { visitor: newVisitorId(), lane: 0, score: 0, fresh: '' }),
    );
    for (const outcome of await Promise.all(joins)) {
      if (outcome.refused !== undefined || outcome.state !== 'waiting')
        throw new Error(`a join did not wait: ${JSON.stringify(outcome)}`);
    }
    if (leases === 'drop') await redis.unlink(cursor.keys.presence);
  }
}
