import { randomBytes } from 'node:crypto';
import { createLog } from '@ropeline/core/log.ts';
import {
  connectRedisForWaiting,
  connectRedisOrCluster,
  type RedisClient,
  untilReady,
} from '@ropeline/core/redis/connect.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { type Broadcast, parseBroadcast } from '../../src/queue/broadcast.ts';
import { RedisQueueEngine } from '../../src/queue/redis-engine.ts';
import { RoomCursor } from '../../src/queue/room-cursor.ts';

const log = createLog('test', 'silent');

/** An engine with a connection and a cursor of its own, as a gateway has, and nothing that ticks by itself. */
export type BareEngine = {
  readonly redis: RedisClient;
  readonly engine: RedisQueueEngine;
  readonly cursor: RoomCursor;
};

/** Makes the room with these fields of its config unless it exists. */
export async function openEngine(
  url: string,
  room: string,
  fields: ReadonlyMap<string, string>,
): Promise<BareEngine> {
  const redis = cleanedUp(connectRedisOrCluster(url, { name: 'test', log }), (client) => client.disconnect());
  await untilReady(redis);
  const engine = new RedisQueueEngine(redis);
  await engine.create(room, fields, {
    epochId: randomBytes(8).toString('hex'),
    author: 'test',
  });
  const cursor = new RoomCursor(room);
  cursor.adopt(await engine.read(room, []));
  return { redis, engine, cursor };
}

/** Hears a room's channel from now on. */
export async function observe(url: string, { redis, cursor }: BareEngine) {
  const subscriber = cleanedUp(connectRedisForWaiting(url, { name: 'test-observer', log }), (client) =>
    client.disconnect(),
  );
  await untilReady(subscriber);
  const heard: Broadcast[] = [];
  const markers = new Map<string, () => void>();
  subscriber.on('message', (_channel: string, text: string) => {
    const marker = markers.get(text);
    if (marker === undefined) heard.push(parseBroadcast(text));
    else marker();
  });
  await subscriber.subscribe(cursor.keys.tick);
  return {
    heard,
    /** Resolves when all that was published before has been heard. */
    async caughtUp(): Promise<void> {
      const marker = randomBytes(8).toString('hex');
      const { promise, resolve } = Promise.withResolvers<void>();
      markers.set(marker, resolve);
      await redis.publish(cursor.keys.tick, marker);
      await promise;
      markers.delete(marker);
    },
  };
}
