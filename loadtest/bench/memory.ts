import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from '@ropeline/core/redis/connect.ts';
import { startRedis } from '../../scripts/services/redis-server.ts';
import { type BenchRoom, makeRoom, seat } from './lib/bench-room.ts';
import { table } from './lib/rounds.ts';

/**
 * Redis memory per waiting visitor, all that the room holds counted, against the members of a bare sorted set with the
 * same ids and scores, both as differences of `used_memory` in one run. On an open socket a visitor has no lease; who
 * polls has one, as does whoever joined less than a lease ago.
 */
const crowds = [100_000, 1_000_000];
const goal = 1.5;
const bite = 10_000;

const rows = [['Redis memory per visitor', 'room', 'bare member', 'ratio', 'goal']];
let reached = true;
for (const [leases, name] of [
  ['drop', 'on a socket'],
  ['keep', 'polling'],
] as const) {
  const server = await startRedis();
  try {
    const room = await makeRoom(server.url, 'bench', {
      admission: { ratePerMinute: 0 },
      queue: { alwaysOn: true },
    });
    const empty = await usedMemory(room.redis);
    let seated = 0;
    for (const crowd of crowds) {
      await seat(room, crowd - seated, leases);
      seated = crowd;
      const perVisitor = ((await usedMemory(room.redis)) - empty) / crowd;
      const perMember = await bareMember(room, crowd);
      const ratio = perVisitor / perMember;
      if (leases === 'drop') reached &&= ratio <= goal;
      const shown = [perVisitor, perMember].map((bytes) => `${bytes.toFixed(1)} B`);
      rows.push([
        `${crowd} ${name}`,
        ...shown,
        ratio.toFixed(2),
        leases === 'drop' ? `<= ${goal.toFixed(1)}` : 'reported',
      ]);
    }
    room.redis.disconnect();
  } finally {
    await server.stop();
  }
}
console.log(table(rows));
process.exitCode = reached ? 0 : 1;

/** Bytes per member of a sorted set made of the waiting line, which is gone again afterwards. */
async function bareMember({ redis, cursor }: BenchRoom, crowd: number): Promise<number> {
  const before = await usedMemory(redis);
  const line = cursor.keys.queue(cursor.lanes[0] ?? '');
  for (let from = 0; from < crowd; from += bite) {
    const some = await redis.zrange(line, String(from), String(from + bite - 1), 'WITHSCORES');
    const words: (string | number)[] = [];
    for (let at = 0; at + 1 < some.length; at += 2) words.push(Number(some[at + 1]), some[at] as string);
    await redis.zadd('bare', ...words);
  }
  const bytes = (await usedMemory(redis)) - before;
  await redis.del('bare');
  return bytes / crowd;
}

/** Once Redis has finished what it does on the side (rehashing, freeing), so when two looks agree. */
async function usedMemory(redis: Redis): Promise<number> {
  let last = Number.NaN;
  for (let look = 0; look < 50; look += 1) {
    const bytes = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
    if (Math.abs(bytes - last) < 1_024) return bytes;
    last = bytes;
    await delay(200);
  }
  return last;
}
