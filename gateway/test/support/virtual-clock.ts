import { createLog } from '@ropeline/core/log.ts';
import { connectRedis, type Redis, untilReady } from '@ropeline/core/redis/connect.ts';
import { definedScripts, loadScript } from '@ropeline/core/redis/script.ts';
import { cleanedUp } from '../../../testing/scope.ts';

/** A mistake that is put into the scripts: the text that is replaced must be there. */
export type Mutation = { readonly from: string; readonly to: string };

/**
 * Connections whose room scripts are the real ones but for the time: it stands still until it is set, so that what
 * happens is decided by its order alone and a run can be repeated. With a mutation the scripts make that mistake.
 */
export async function virtualClock(url: string, clock: string, mutation?: Mutation) {
  const { from, to } = mutation ?? { from: '\0', to: '' };
  const texts = definedScripts().map(({ file }) => {
    const text = loadScript(file).replaceAll(from, to);
    return { file, lua: text.replaceAll("redis.call('TIME')", `redis.call('HMGET', '${clock}', 's', 'us')`) };
  });
  if (mutation !== undefined && !definedScripts().some(({ file }) => loadScript(file).includes(from)))
    throw new Error(`no script has the text ${from}`);
  const setter = await connect();
  return {
    /** A connection that must be used for the engine of one gateway. */
    async connect(): Promise<Redis> {
      const redis = await connect();
      // The engine defines what it does not find.
      for (const { file, lua } of texts) redis.defineCommand(`ropeline:${file}`, { lua });
      return redis;
    },
    /** Unix ms. */
    async set(now: number): Promise<void> {
      await setter.hset(clock, 's', Math.floor(now / 1_000), 'us', (now % 1_000) * 1_000);
    },
  };

  async function connect(): Promise<Redis> {
    const redis = connectRedis(url, { name: 'test', log: createLog('test', 'silent') });
    cleanedUp(redis, (client) => client.disconnect());
    await untilReady(redis);
    return redis;
  }
}
