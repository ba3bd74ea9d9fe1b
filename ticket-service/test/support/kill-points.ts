import { randomBytes } from 'node:crypto';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import { partitionOfOrder } from '@ropeline/core/stock/order-id.ts';
import { stockKeys } from '@ropeline/core/stock/stock-keys.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { type SpawnedService, spawnService } from '../../../testing/spawn-service.ts';
import { type Point, script, startTap, type Tap } from '../../../testing/tap.ts';
import { openShop, type Shop } from './shop.ts';
import { openStockRedis } from './stock-redis.ts';

/** The wires of a process. */
export type Taps = { readonly redis: Tap; readonly postgres: Tap; readonly provider: Tap };
export type Wire = keyof Taps;
export type KillPoint = Point & { readonly name: string; readonly wire: Wire };

export const afterScript = (file: string): Pick<KillPoint, 'wire' | 'sends' | 'when'> => ({
  wire: 'redis',
  sends: [script(file)],
  when: 'after',
});
export const afterSql = (...sends: readonly string[]): Pick<KillPoint, 'wire' | 'sends' | 'when'> => ({
  wire: 'postgres',
  sends,
  when: 'after',
});

/** A shop whose own ticket service and whose workers live on while others are killed. */
export type Site = {
  readonly shop: Shop;
  readonly redis: Redis;
  readonly taps: () => Promise<Taps>;
  /** Starts a further process of the same site behind these wires. */
  readonly spawn: (
    what: 'ticket-service' | 'workers',
    taps?: Taps,
    env?: Record<string, string>,
  ) => Promise<SpawnedService>;
  /** As if minutes had passed for payments and orders that are PAYING. */
  readonly age: (orderId: string) => Promise<void>;
};

export async function openSite(
  env: Record<string, string> = {},
  options: Parameters<typeof openShop>[1] = {},
): Promise<Site> {
  const secret = randomBytes(32).toString('hex');
  const shop = await openShop({ MEMBER_SECRET: secret, HOLD_SECONDS: '3600', ...env }, options);
  const { redisUrl, databaseUrl, config } = shop.running;
  const redis = await openStockRedis(redisUrl);
  const tapped = async (url: string): Promise<Tap> => cleanedUp(await startTap(url), (it) => it.stop());
  return {
    shop,
    redis,
    taps: async () => ({
      redis: await tapped(redisUrl),
      postgres: await tapped(databaseUrl),
      provider: await tapped(config.paymentUrl),
    }),
    spawn: (what, taps, more = {}) =>
      spawnService(`${what}/src/main.ts`, what === 'workers' ? 'WORKERS_PORT' : 'TICKET_PORT', {
        TICKET_REDIS_URL: taps?.redis.url ?? redisUrl,
        DATABASE_URL: taps?.postgres.url ?? databaseUrl,
        PAYMENT_URL: taps?.provider.url ?? config.paymentUrl,
        ...{
          MEMBER_SECRET: secret,
          ENTRY_REQUIRED: 'false',
          DURABILITY: 'relaxed',
          SETTLE_PAYMENTS: 'false',
        },
        ...env,
        ...more,
      }),
    async age(orderId) {
      await shop.pool.query(
        `update payments set updated_at = now() - interval '1 hour', next_try_at = now()
         where order_id = $1 and state in ('pending', 'unknown')`,
        [orderId],
      );
      await shop.pool.query(
        `update orders set updated_at = now() - interval '1 hour' where order_id = $1 and state = 'PAYING'`,
        [orderId],
      );
      const key = stockKeys(partitionOfOrder(orderId) ?? 0).order(orderId);
      if ((await redis.hget(key, 'state')) === 'PAYING') await redis.hset(key, 'updatedAt', 1);
    },
  };
}
