import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startRedis } from '../../scripts/services/redis-server.ts';
import { startCrowd } from './lib/crowd.ts';
import { startGateways } from './lib/gateways.ts';
import type { Look } from './lib/probe.ts';
import { type Probed, startProbed } from './lib/probed.ts';
import { table } from './lib/rounds.ts';

/**
 * Memory of a process per open socket: a gateway whose visitors wait, against a bare server of the library below it
 * with the same subprotocol, in the same run. Differences between all sockets open and the first hundred, after a
 * collection. Resident memory hides what fits into pages that the process had before, so it is also reckoned as the most
 * that it can be: a bare socket, and all of the heap (and what that holds outside) on top.
 */
const sockets = Number(process.env.BENCH_SOCKETS ?? 10_000);
const first = 100;
const settleMs = 5_000;
const goal = 3;

const bareScript = fileURLToPath(new URL('./lib/bare-sockets.ts', import.meta.url));
const ours = await measureGateway();
const bare = await measureBare();
const most = bare.rss + ours.heap;
const ratio = { rss: ours.rss / bare.rss, most: most / bare.rss };
const shown = (bytes: number): string => `${bytes.toFixed(0)} B`;
console.log(
  table([
    [`${sockets} sockets, per socket`, 'gateway', 'bare', 'ratio', 'goal'],
    ['resident', shown(ours.rss), shown(bare.rss), ratio.rss.toFixed(2), `<= ${goal.toFixed(1)}`],
    ['heap and external', shown(ours.heap), shown(bare.heap), '', ''],
    ['bare socket and heap', shown(most), shown(bare.rss), ratio.most.toFixed(2), `<= ${goal.toFixed(1)}`],
  ]),
);
process.exitCode = Math.max(ratio.rss, ratio.most) <= goal ? 0 : 1;

async function measureGateway(): Promise<{ rss: number; heap: number }> {
  const redis = await startRedis();
  try {
    const bench = { admission: { ratePerMinute: 0 }, queue: { alwaysOn: true } };
    const gateways = await startGateways({ redisUrl: redis.url, rooms: { bench } });
    try {
      const [gateway] = gateways.all;
      if (gateway === undefined) throw new Error('no gateway');
      return await measure(gateway, gateway.origin, 'sockets');
    } finally {
      await gateways.stop();
    }
  } finally {
    await redis.stop();
  }
}

async function measureBare(): Promise<{ rss: number; heap: number }> {
  const server = startProbed(bareScript, []);
  try {
    const port = await server.message((said) => (said as { port?: number }).port);
    return await measure(server, `http://127.0.0.1:${port}`, 'bare');
  } finally {
    await server.stop();
  }
}

async function measure(
  server: Probed,
  origin: string,
  how: 'sockets' | 'bare',
): Promise<{ rss: number; heap: number }> {
  const crowd = startCrowd(origin);
  try {
    await crowd.come(how, 'bench', first);
    const before = await settled(server);
    await crowd.come(how, 'bench', sockets - first);
    const after = await settled(server);
    const { lost } = await crowd.report();
    if (lost > 0) throw new Error(`${lost} sockets closed`);
    return {
      rss: (after.rssBytes - before.rssBytes) / (sockets - first),
      heap: (after.heapBytes - before.heapBytes) / (sockets - first),
    };
  } finally {
    await crowd.stop();
  }
}

/** After some seconds of its usual work, and collections in between. */
async function settled(server: Probed): Promise<Look> {
  await delay(settleMs / 2);
  await server.look();
  await delay(settleMs / 2);
  return server.look();
}
