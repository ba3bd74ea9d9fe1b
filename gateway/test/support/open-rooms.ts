import { createLog, type Logger } from '@ropeline/core/log.ts';
import { connectRedisForWaiting, connectRedisOrCluster, type Redis } from '@ropeline/core/redis/connect.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import type { LiveRoom } from '../../src/queue/live-room.ts';
import { RedisQueueEngine } from '../../src/queue/redis-engine.ts';
import type { RoomMetrics } from '../../src/queue/room-metrics.ts';
import { Rooms } from '../../src/queue/rooms.ts';
import { defaultRules, mergeRules, type RoomRules } from '../../src/queue/rules.ts';

export const noMetrics: RoomMetrics = {
  tick: () => undefined,
  admitted: () => undefined,
  lapsed: () => undefined,
  joined: () => undefined,
  claimed: () => undefined,
  left: () => undefined,
  lost: () => undefined,
  counts: () => undefined,
  pace: () => undefined,
  heard: () => undefined,
  forget: () => undefined,
  promise: () => undefined,
};

export type OpenRooms = {
  readonly rooms: Rooms;
  readonly engine: RedisQueueEngine;
  readonly redis: Redis;
  readonly subscriber: Redis;
};

/** The queue of one gateway, without its doors; stopped at the end of the test. */
export async function openRooms(
  url: string,
  metricsOf: (room: string) => RoomMetrics = () => noMetrics,
  log: Logger = createLog('test', 'silent'),
): Promise<OpenRooms> {
  // Tests of one server look at its options; on a cluster there is nothing to look at.
  const redis = connectRedisOrCluster(url, { name: 'test', log }) as Redis;
  const subscriber = connectRedisForWaiting(url, { name: 'test-subscriber', log });
  const engine = new RedisQueueEngine(redis);
  const rooms = new Rooms({ engine, redis, subscriber, log, metricsOf });
  await rooms.start();
  return cleanedUp({ rooms, engine, redis, subscriber }, () => {
    void rooms.stop();
    redis.disconnect();
    subscriber.disconnect();
  });
}

/** Creates a room with what differs from the defaults. */
export async function createRoom(
  { rooms }: OpenRooms,
  name: string,
  differences: unknown,
): Promise<LiveRoom> {
  await rooms.create(name, mergeRules(defaultRules, differences) as RoomRules, 'test');
  const room = rooms.get(name);
  if (room === undefined) throw new Error(`room ${name} was not opened`);
  return room;
}
