import { setTimeout as delay } from 'node:timers/promises';
import { startRedis } from '../../scripts/services/redis-server.ts';
import { startCrowd } from './lib/crowd.ts';
import { startGateways } from './lib/gateways.ts';
import { percentile } from './lib/percentile.ts';
import { table } from './lib/rounds.ts';

/**
 * From the admission by Redis' clock to the visitor's client that hears `admitted`, by the same machine's: thousands of
 * waiting sockets in one gateway, hundreds of turns a second, the clients in another process. And how long turns of
 * the gateway's event loop are meanwhile, which is how late its timers come.
 */
const sockets = Number(process.env.BENCH_SOCKETS ?? 15_000);
const perSecond = 500;
const seconds = 20;
const windowSeconds = 3_600;
const goalTurnMs = 25;

const redis = await startRedis();
try {
  const bench = {
    admission: { ratePerMinute: 0, capacity: 1_000_000 },
    queue: { alwaysOn: true },
    claim: { windowSeconds },
  };
  const gateways = await startGateways({ redisUrl: redis.url, rooms: { bench }, core: 0 });
  const [gateway] = gateways.all;
  if (gateway === undefined) throw new Error('no gateway');
  const crowd = startCrowd(gateway.origin, windowSeconds * 1_000, 1);
  try {
    await crowd.come('sockets', 'bench', sockets);
    await delay(5_000);
    gateway.reset();
    await delay(10_000);
    const waiting = await gateway.look();
    await gateway.changeRoom('bench', { admission: { ratePerMinute: perSecond * 60 } });
    gateway.reset();
    await delay(seconds * 1_000);
    const admitting = await gateway.look();
    const { toldMs, lost } = await crowd.report();
    const at = (share: number): string => percentile(toldMs, share).toFixed(0);
    const loop = (look: typeof waiting): string[] => [look.loopP99Ms.toFixed(1), look.loopMaxMs.toFixed(1)];
    console.log(
      table([
        [`${sockets} sockets in one gateway`, 'p50 ms', 'p99 ms', 'max ms', 'goal'],
        [`admitted to told, ${perSecond}/s, ${toldMs.length} turns`, at(0.5), at(0.99), at(1), 'reported'],
        ['loop while nobody is admitted', '', ...loop(waiting), `max <= ${goalTurnMs}`],
        [`loop at ${perSecond}/s`, '', ...loop(admitting), `max <= ${goalTurnMs}`],
      ]),
    );
    if (lost > 0) console.log(`${lost} sockets closed`);
    const due = perSecond * (seconds - 1);
    if (toldMs.length < due) console.log(`only ${toldMs.length} of ${due} turns were told`);
    const longest = Math.max(waiting.loopMaxMs, admitting.loopMaxMs);
    process.exitCode = lost === 0 && toldMs.length >= due && longest <= goalTurnMs ? 0 : 1;
  } finally {
    await crowd.stop();
    await gateways.stop();
  }
} finally {
  await redis.stop();
}
