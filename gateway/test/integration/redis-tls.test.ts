import { createLog } from '@ropeline/core/log.ts';
import { connectRedis, connectRedisForJobs, untilReady } from '@ropeline/core/redis/connect.ts';
import { describe, expect, test } from 'vitest';
import { startTlsRedis } from '../../../testing/redis-tls.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { admit, join, openQueue } from '../support/losing-redis.ts';

const forms = ['server', 'sentinel', 'cluster'] as const;
const options = { name: 'test', log: createLog('test', 'silent') };

async function tlsRedis(form: (typeof forms)[number]) {
  return cleanedUp(await startTlsRedis(form), ({ stop }) => stop());
}

/** Why the connection to this address fails. */
async function failure(url: string): Promise<string | undefined> {
  const redis = cleanedUp(connectRedis(url, options), (client) => client.disconnect());
  const codes: (string | undefined)[] = [];
  redis.on('error', ({ code }: NodeJS.ErrnoException) => codes.push(code));
  redis.connect().catch(() => undefined);
  await until(() => codes.length > 0);
  return codes[0];
}

describe('a Redis that speaks TLS by the certificate of a private authority', () => {
  test.each(forms)('serves a room: joins, turns and what is told of them, as a %s', async (form) => {
    const { url, ca } = await tlsRedis(form);
    const queue = await openQueue(`${url}?ca=${encodeURIComponent(ca)}`, {
      queue: { alwaysOn: true },
      admission: { ratePerMinute: 60_000, capacity: 0 },
    });
    const { visitor } = await join(queue);
    expect(visitor.state).toBe('waiting');
    await admit(queue, 1);
    await until(() => visitor.state === 'admitted');
  });

  test('is not spoken to by who does not know the authority, nor under another name', async () => {
    const { url, ca } = await tlsRedis('server');
    expect(await failure(url)).toMatch(/SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
    const named = url.replace('127.0.0.1', 'localhost');
    expect(await failure(`${named}?ca=${ca}`)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  test('takes the connections of jobs, and those made anew of the same options', async () => {
    const { url, ca } = await tlsRedis('server');
    const redis = cleanedUp(connectRedisForJobs(`${url}?ca=${ca}`, options), (client) => client.disconnect());
    await untilReady(redis, 60_000);
    const other = cleanedUp(redis.duplicate(), (client) => client.disconnect());
    await untilReady(other, 60_000);
    expect(await other.ping()).toBe('PONG');
  });
});
