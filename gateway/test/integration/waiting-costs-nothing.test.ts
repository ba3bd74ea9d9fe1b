import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Status } from '@ropeline/core/protocol/status.ts';
import { expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { type LiveClient, openLive } from '../support/live-client.ts';
import { privateRedis, startGateway, type TestGateway } from '../support/start-gateway.ts';

const sockets = 200;
const rules = {
  queue: { alwaysOn: true },
  admission: { ratePerMinute: 0 },
  presence: { graceSeconds: 60, leaseSeconds: 30 },
};

type Waiting = { readonly visitor: string; readonly client: LiveClient };

async function wait(gateway: TestGateway): Promise<Waiting> {
  const join = `${gateway.origin}/_ropeline/rooms/${gateway.room.name}/join`;
  const status = (await (await fetch(join, { method: 'POST' })).json()) as Status;
  const client = openLive(gateway.origin, gateway.room.name, status.place);
  await client.first('status');
  return { visitor: status.visitor, client };
}

/**
 * What Redis is asked to do from now on, what scripts do inside included. By a socket of its own: a client of ioredis
 * takes a command that comes together with the answer to MONITOR for an answer.
 */
async function watch(url: string): Promise<{ readonly seen: string[] }> {
  const { hostname, port } = new URL(url);
  const socket = cleanedUp(connect(Number(port), hostname), (one) => one.destroy());
  const lines = createInterface({ input: socket });
  const seen: string[] = [];
  socket.write('MONITOR\r\n');
  expect(await once(lines, 'line')).toEqual(['+OK']);
  lines.on('line', (line) => {
    const words = line.matchAll(/"((?:[^"\\]|\\.)*)"/g);
    seen.push(Array.from(words, ([, word]) => word).join(' '));
  });
  return { seen };
}

test(`${sockets} visitors on sockets cost Redis no command, and one who goes costs one`, async () => {
  const redisUrl = await privateRedis();
  const here = await startGateway({ redisUrl, rules });
  const there = await startGateway({ redisUrl, roomName: here.room.name });
  const crowd = await Promise.all(
    Array.from({ length: sockets }, (_, i) => wait(i % 2 === 0 ? here : there)),
  );
  const { presence } = here.room.cursor.keys;
  await until(async () => Number(await here.open.redis.zcard(presence)) === 0);
  const ticksOf = ({ client }: Waiting): number =>
    client.messages.filter(({ type }) => type === 'tick').length;
  const before = crowd.map(ticksOf);

  const { seen } = await watch(redisUrl);
  // Long enough that everybody near the front has been told new numbers a few times.
  await until(() => crowd.slice(0, 50).every((one, i) => ticksOf(one) >= (before[i] ?? 0) + 3));
  const quiet = [...seen];
  expect(quiet.length).toBeGreaterThan(100);
  // The numbers of the front are told with its names, once a second for all.
  const asked = quiet.filter((command) => !/^publish/i.test(command));
  const named = asked.filter((command) => crowd.some(({ visitor }) => command.includes(visitor)));
  expect(named).toEqual([]);
  const scripts = quiet.filter((command) => /^evalsha/i.test(command));
  expect(new Set(scripts.map((command) => command.split(' ')[1])).size).toBe(1);

  const gone = crowd[7] as Waiting;
  gone.client.socket.terminate();
  await until(async () => Number(await here.open.redis.zcard(presence)) === 1);
  await until(() => seen.some((command) => command.includes(gone.visitor)));
  const calls = seen.filter((command) => /^eval/i.test(command) && command.includes(gone.visitor));
  expect(calls).toHaveLength(1);
});

test('pollers are leased together: their leases go in few calls, not one a poll', async () => {
  const gateway = await startGateway({
    rules: { ...rules, presence: { graceSeconds: 60, leaseSeconds: 10 } },
  });
  const redisUrl = `redis://127.0.0.1:${gateway.open.redis.options.port}`;
  const at = (path: string): string => `${gateway.origin}/_ropeline/rooms/${gateway.room.name}${path}`;
  const tickets = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const status = (await (await fetch(at('/join'), { method: 'POST' })).json()) as Status;
      return status.place as string;
    }),
  );
  const { seen } = await watch(redisUrl);
  let polls = 0;
  const leases = (): string[] => seen.filter((command) => /^eval.* lease( |$)/i.test(command));
  const leased = (): number => leases().join(' ').split(' lease').length - 1;
  await until(async () => {
    await Promise.all(
      tickets.map(async (ticket) => {
        await (await fetch(at('/status'), { headers: { authorization: `Bearer ${ticket}` } })).text();
      }),
    );
    polls += tickets.length;
    return polls > 4 * tickets.length && leased() > 50;
  });
  expect(polls).toBeGreaterThan(leased());
  expect(leases().length).toBeLessThanOrEqual(leased() / 2);
});
