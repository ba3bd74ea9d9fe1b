import { setTimeout as delay } from 'node:timers/promises';
import { connectRedis, untilReady } from '@ropeline/core/redis/connect.ts';
import { startRedis } from '../../scripts/services/redis-server.ts';
import { benchLog } from './lib/bench-room.ts';
import { between, lookAtRedis, scripts } from './lib/command-stats.ts';
import { startCrowd } from './lib/crowd.ts';
import { startGateways } from './lib/gateways.ts';
import { table } from './lib/rounds.ts';

/**
 * Redis commands a second while visitors wait and nobody is admitted: with few and with a hundred times as many of
 * them on sockets (what the line's length costs, so the rank sketch), and polling. `commands` are all that Redis ran,
 * those inside scripts included; `calls` are what the gateway sent.
 */
const few = 100;
const many = Number(process.env.BENCH_SOCKETS ?? 10_000);
const pollers = Number(process.env.BENCH_POLLERS ?? 5_000);
const settleMs = 4_000;
const lookMs = 8_000;
const goal = 100;

const rows = [['nobody admitted, one gateway', 'commands/s', 'calls/s', 'Redis ms/s', 'goal']];
const onFew = await measure('sockets', few);
const onMany = await measure('sockets', many);
const polledFew = await measure('pollers', few);
const polledMany = await measure('pollers', pollers);
for (const [name, seen] of [
  [`${few} on sockets`, onFew],
  [`${many} on sockets`, onMany],
  [`${few} polling`, polledFew],
  [`${pollers} polling`, polledMany],
] as const) {
  rows.push([name, seen.commands.toFixed(0), seen.calls.toFixed(0), seen.busyMs.toFixed(1), '']);
}
const more = onMany.commands - onFew.commands;
rows.push([`more for ${many} on sockets than for ${few}`, more.toFixed(0), '', '', `<= ${goal}`]);
console.log(table(rows));
process.exitCode = more <= goal ? 0 : 1;

type Seen = { readonly commands: number; readonly calls: number; readonly busyMs: number };

async function measure(how: 'sockets' | 'pollers', count: number): Promise<Seen> {
  const server = await startRedis();
  try {
    const bench = { admission: { ratePerMinute: 0 }, queue: { alwaysOn: true } };
    const gateways = await startGateways({ redisUrl: server.url, rooms: { bench } });
    try {
      return await underCrowd(server.url, gateways.all[0]?.origin ?? '', how, count);
    } finally {
      await gateways.stop();
    }
  } finally {
    await server.stop();
  }
}

async function underCrowd(
  redisUrl: string,
  origin: string,
  how: 'sockets' | 'pollers',
  count: number,
): Promise<Seen> {
  const redis = connectRedis(redisUrl, { name: 'bench', log: benchLog });
  await untilReady(redis);
  const crowd = startCrowd(origin);
  try {
    await crowd.come(how, 'bench', count);
    await delay(settleMs);
    const before = await lookAtRedis(redis);
    await delay(lookMs);
    const after = await lookAtRedis(redis);
    const { lost } = await crowd.report();
    if (lost > 0) throw new Error(`${lost} of the crowd were lost`);
    const seconds = (after.at - before.at) / 1_000;
    const stats = between(before.stats, after.stats);
    let commands = 0;
    for (const { calls } of stats.values()) commands += calls;
    const { calls: called, micros } = scripts(stats);
    return {
      commands: commands / seconds,
      calls: called / seconds,
      busyMs: micros / 1_000 / seconds,
    };
  } finally {
    await crowd.stop();
    redis.disconnect();
  }
}
