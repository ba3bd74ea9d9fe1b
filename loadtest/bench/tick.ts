import { setTimeout as delay } from 'node:timers/promises';
import { connectRedisForWaiting, type Redis, untilReady } from '@ropeline/core/redis/connect.ts';
import { startRedis } from '../../scripts/services/redis-server.ts';
import { type BenchRoom, benchLog, makeRoom, seat } from './lib/bench-room.ts';
import { between, commandMicros, lookAtRedis, scripts } from './lib/command-stats.ts';
import { percentile } from './lib/percentile.ts';
import { table } from './lib/rounds.ts';

/**
 * One slot's tick of a room in which a million wait, as Redis itself accounts for it (usec of EVALSHA in INFO
 * commandstats): 100 admissions, and the three kinds of slot: with nothing else, the one of a second that counts the
 * lanes, and one with a piece of the rank sketch. A slot apart each, as in life, so with cold caches; three
 * subscribers hear it, as three gateways would. Once with the scores of arrivals, once with those of a draw. The raw
 * limit is what the script's commands take by themselves, in the same ticks.
 */
const waiting = Number(process.env.BENCH_WAITING ?? 1_000_000);
const ticksEach = 60;
const admissions = 100;
const slotMs = 50;
const goalMicros = 1_000;
const pieces = 12;

const kinds = ['admissions alone', 'and counts', 'and a piece of the sketch'] as const;
type Kind = (typeof kinds)[number];
/** Microseconds of Redis time: of the script, and of the commands in it. */
type Taken = { readonly script: number; readonly commands: number };

const server = await startRedis();
const rows = [
  [
    `${admissions} admissions of ${waiting} waiting`,
    'p50 us',
    'p99 us',
    'max us',
    'its commands p50 us',
    'ratio',
    'ticks',
    'goal',
  ],
];
let reached = true;
try {
  const room = await makeRoom(server.url, 'bench', {
    admission: { ratePerMinute: 0, burst: admissions, capacity: 10_000_000 },
    queue: { alwaysOn: true },
    claim: { windowSeconds: 86_400 },
  });
  const listeners = await Promise.all(Array.from({ length: 3 }, () => listen(room)));
  await seat(room, waiting);
  reached = (await measure(room, 'arrivals')) && reached;
  await scatter(room);
  reached = (await measure(room, 'drawn')) && reached;
  for (const client of [...listeners, room.redis]) client.disconnect();
} finally {
  await server.stop();
}
console.log(table(rows));
process.exitCode = reached ? 0 : 1;

async function listen({ cursor }: BenchRoom): Promise<Redis> {
  const client = connectRedisForWaiting(server.url, { name: 'bench-listener', log: benchLog });
  await untilReady(client);
  await client.subscribe(cursor.keys.tick);
  return client;
}

async function measure(room: BenchRoom, what: string): Promise<boolean> {
  const micros: Record<Kind, Taken[]> = {
    'admissions alone': [],
    'and counts': [],
    'and a piece of the sketch': [],
  };
  for (let n = 0; n < ticksEach * kinds.length; n += 1) {
    const kind = kinds[n % kinds.length] as Kind;
    await delay(slotMs + 2);
    const taken = await tickOnce(room, kind, Math.floor(n / kinds.length) % pieces);
    // The first of each loads the script.
    if (taken !== undefined && n >= kinds.length) micros[kind].push(taken);
  }
  const at = (kind: Kind, share: number, of: keyof Taken): number =>
    percentile(
      micros[kind].map((taken) => taken[of]),
      share,
    );
  for (const kind of kinds) {
    const bare = at(kind, 0.5, 'commands');
    const times = [0.5, 0.99, 1].map((share) => at(kind, share, 'script').toFixed(0));
    const ratio = (at(kind, 0.5, 'script') / bare).toFixed(2);
    const rest = [bare.toFixed(0), ratio, String(micros[kind].length), `p50 < ${goalMicros}`];
    rows.push([`${what}: ${kind}`, ...times, ...rest]);
  }
  return kinds.every((kind) => at(kind, 0.5, 'script') < goalMicros);
}

/** Fills the bucket by hand, so that each tick gives exactly as many turns, and says what is due. */
async function tickOnce(
  { redis, engine, cursor }: BenchRoom,
  kind: Kind,
  piece: number,
): Promise<Taken | undefined> {
  const second = Math.floor(Date.now() / 1_000);
  await redis.hset(cursor.keys.pacer, {
    bucket: admissions,
    filledAt: Date.now(),
    sketchAt: kind === 'and counts' ? 0 : second,
    pieces: kind === 'and a piece of the sketch' ? piece + 1 : 0,
  });
  const before = await lookAtRedis(redis);
  const { admitted } = await engine.tick(cursor, '');
  const after = await lookAtRedis(redis);
  if (admitted !== admissions) throw new Error(`a tick gave ${admitted} turns`);
  // A second that began just now made it count.
  const [sketchAt] = await redis.hmget(cursor.keys.pacer, 'sketchAt');
  if (kind === 'admissions alone' && Number(sketchAt) !== second) return undefined;
  const ran = between(before.stats, after.stats);
  return { script: scripts(ran).micros, commands: commandMicros(ran) };
}

/** Random scores below 2^52, as a draw gives them. */
async function scatter({ redis, cursor }: BenchRoom): Promise<void> {
  const key = cursor.keys.queue(cursor.lanes[0] ?? '');
  for (let from = 0; from < waiting; from += 10_000) {
    const some = await redis.zrange(key, '-10000', '-1');
    const moved = some.flatMap((visitor) => [Math.floor(Math.random() * 2 ** 52), visitor]);
    await redis.zadd(key, ...moved);
  }
}
