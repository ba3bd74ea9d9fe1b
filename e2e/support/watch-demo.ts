import { RoomWatch } from '../../loadtest/check/room-watch.ts';
import type { Ropeline } from './start-ropeline.ts';

/** Watches the demo room and offer 1 in Redis itself, from now on. Stop it at the end. */
export function watchDemo({ addresses }: Ropeline): Promise<RoomWatch> {
  const { redis: redisUrl, ticketRedis: ticketRedisUrl } = addresses;
  return RoomWatch.start({ redisUrl, ticketRedisUrl, room: 'demo', offerId: 1 });
}
