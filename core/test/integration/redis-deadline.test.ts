import { createLog } from '@ropeline/core/log.ts';
import { connectRedis, type Redis, untilReady } from '@ropeline/core/redis/connect.ts';
import { expect, test } from 'vitest';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp } from '../../../testing/scope.ts';

const commandTimeoutMs = 400;

async function connected(): Promise<{ readonly redis: Redis; readonly pid: number }> {
  const { url, pid } = cleanedUp(await startRedis(), (server) => server.kill());
  const options = { name: 'test', log: createLog('test', 'silent'), commandTimeoutMs };
  const redis = cleanedUp(connectRedis(url, options), (client) => client.disconnect());
  await untilReady(redis);
  return { redis, pid };
}

/** Nothing runs in this process meanwhile, as when the machine gives it no time. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test('a process that stood still for longer than a command may take finds its answer', async () => {
  const { redis } = await connected();
  await redis.set('name', 'value');
  const answers = [redis.get('name'), redis.multi().get('name').exec()];
  // Sent in this turn of the event loop, answered while nobody looks.
  await Promise.resolve();
  standStill(3 * commandTimeoutMs);
  expect(await Promise.all(answers)).toEqual(['value', [[null, 'value']]]);
});

test('a command that Redis does not answer is given up, and what was answered in time is not touched', async () => {
  const { redis, pid } = await connected();
  expect(await redis.ping()).toBe('PONG');
  process.kill(pid, 'SIGSTOP');
  const started = Date.now();
  await expect(redis.ping()).rejects.toThrow('Command timed out');
  expect(Date.now() - started).toBeGreaterThanOrEqual(commandTimeoutMs - 5);
});
