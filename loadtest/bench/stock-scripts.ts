/**
 * How fast the reserve script is with all its features: batches of 100 items, four in flight, on a Redis of its own,
 * against the same writes without any check, in the same run; one unit of a pool, one seat, a stay of two nights an
 * item. Goal under `appendfsync always`: at least 0.70 of the bare writes. About 60 s. `npm run bench -- stock-scripts`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@ropeline/core/log.ts';
import { connectRedis, type Redis, untilReady } from '@ropeline/core/redis/connect.ts';
import { newOrderId } from '@ropeline/core/stock/order-id.ts';
import { prepareOffer, reserveUnits } from '@ropeline/core/stock/scripts.ts';
import { type StockKeys, stockKeys } from '@ropeline/core/stock/stock-keys.ts';
import { startRedis } from '../../scripts/services/redis-server.ts';
import { table } from './lib/rounds.ts';

const batchItems = 100;
const inFlight = 4;
const roundMs = 2_000;
const rounds = 2;
const keysPerItem = 7;
const argsPerItem = 13;
const goal = 0.7;
const kinds = ['pool', 'seats', 'nights'] as const;
type Kind = (typeof kinds)[number];

/** What reserve_units writes for a taken item, and nothing else. */
const bareWrites = `
for i = 0, (#ARGV - 3) / ${argsPerItem} - 1 do
  local k, a = 4 + i * ${keysPerItem}, 4 + i * ${argsPerItem}
  local flat = {
    'orderId', ARGV[a], 'version', 1, 'state', 'RESERVED', 'offerId', ARGV[a + 1], 'memberId', ARGV[a + 2],
    'units', ARGV[a + 4], 'quantity', ARGV[a + 3], 'amountMinor', ARGV[a + 5], 'currency', ARGV[a + 6],
    'attempt', 0, 'entry', ARGV[a + 7], 'idempotencyKey', ARGV[a + 8], 'bodyHash', ARGV[a + 9],
    'holdUntil', 1800000000000, 'createdAt', 1800000000000, 'updatedAt', 1800000000000,
  }
  redis.call('HINCRBY', KEYS[k], 'held', ARGV[a + 3])
  if not string.find(ARGV[a + 4], '^%d+$') then
    for name in string.gmatch(ARGV[a + 4], '[^,]+') do redis.call('HSET', KEYS[k + 1], name, ARGV[a]) end
  end
  redis.call('HINCRBY', KEYS[k + 2], ARGV[a + 2], ARGV[a + 3])
  redis.call('INCRBY', KEYS[k + 3], ARGV[a + 3])
  redis.call('PEXPIRE', KEYS[k + 3], ARGV[3])
  redis.call('SET', KEYS[k + 4], ARGV[a], 'PX', ARGV[3])
  redis.call('ZADD', KEYS[k + 5], 1800000000000, ARGV[a])
  redis.call('ZREMRANGEBYRANK', KEYS[k + 5], 0, -101)
  redis.call('PEXPIRE', KEYS[k + 5], ARGV[3])
  redis.call('HSET', KEYS[k + 6], unpack(flat))
  redis.call('XADD', KEYS[3], '*', unpack(flat))
  redis.call('ZADD', KEYS[2], 1800000000000, ARGV[a])
end
return 1`;

type Send = (redis: Redis, keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>;
type Measured = { readonly perSecond: number; readonly redisMicros: number };

const log = createLog('bench', 'error');
const variants: readonly (readonly [string, Send])[] = [
  ['reserve_units', (redis, keys, args) => reserveUnits.call(redis, keys, args)],
  [
    'the same writes, no checks',
    (redis, keys, args) => redis.eval(bareWrites, keys.length, ...keys, ...args),
  ],
];

console.log(
  `Redis and the client share ${cpus().length} cores (${cpus()[0]?.model.trim()}), Node ${process.version}`,
);
console.log(
  `batches of ${batchItems}, ${inFlight} in flight, best of ${rounds} rounds of ${roundMs / 1_000} s\n`,
);
const rows = [['appendfsync', 'unit', 'what', 'items/s', 'Redis CPU us/item']];
let missed = 0;
for (const appendfsync of ['always', 'everysec'] as const) {
  for (const kind of kinds) {
    const best = new Map<string, Measured>();
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, send] of variants) {
        const measured = await measure(appendfsync, kind, send);
        if (measured.perSecond > (best.get(name)?.perSecond ?? 0)) best.set(name, measured);
      }
    }
    for (const [name, { perSecond, redisMicros }] of best) {
      rows.push([appendfsync, kind, name, perSecond.toFixed(0), redisMicros.toFixed(1)]);
    }
    const [full, bare] = variants.map(([name]) => best.get(name));
    if (full === undefined || bare === undefined) throw new Error('nothing was measured');
    const [rate, cpu] = [full.perSecond / bare.perSecond, full.redisMicros / bare.redisMicros];
    rows.push([appendfsync, kind, 'ratio', rate.toFixed(2), cpu.toFixed(2)]);
    if (appendfsync === 'always' && rate < goal) missed += 1;
  }
}
console.log(table(rows));
console.log(`\ngoal: at least ${goal.toFixed(2)} of the same writes under appendfsync always`);
process.exitCode = missed === 0 ? 0 : 1;

async function measure(appendfsync: 'always' | 'everysec', kind: Kind, send: Send): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'ropeline-bench-'));
  const server = await startRedis({ folder, appendfsync });
  const redis = connectRedis(server.url, { name: 'bench', log, commandTimeoutMs: 10_000 });
  try {
    await untilReady(redis);
    const keys = stockKeys(0);
    await redis.set(keys.epoch, 'bench');
    await prepareOffer.call(redis, [keys.epoch, keys.offer(1)], ['bench', 1_000_000_000]);
    const cpuBefore = await cpuSeconds(redis);
    const until = performance.now() + roundMs;
    const began = performance.now();
    const sent = await Promise.all(
      Array.from({ length: inFlight }, (_, lane) => keepSending(redis, keys, { kind, send, lane, until })),
    );
    const seconds = (performance.now() - began) / 1_000;
    const items = sent.reduce((sum, count) => sum + count, 0);
    if ((await redis.xlen(keys.outbox)) !== items) throw new Error('not every item was taken');
    return {
      perSecond: items / seconds,
      redisMicros: (((await cpuSeconds(redis)) - cpuBefore) / items) * 1e6,
    };
  } finally {
    redis.disconnect();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function keepSending(
  redis: Redis,
  keys: StockKeys,
  {
    kind,
    send,
    lane,
    until,
  }: { readonly kind: Kind; readonly send: Send; readonly lane: number; readonly until: number },
): Promise<number> {
  let items = 0;
  while (performance.now() < until) {
    const names = [keys.epoch, keys.holds, keys.outbox];
    const words: (string | number)[] = ['bench', 100_000_000, 86_400_000];
    for (let at = 0; at < batchItems; at += 1) {
      const { quantity, units } = unitsOf(kind, lane, items + at);
      const [orderId, member, entry] = [
        newOrderId(0),
        `testuser${lane}-${items + at}`,
        `v${lane}-${items + at}.1`,
      ];
      names.push(keys.offer(1), keys.units(1), keys.members(1), keys.entryUnits(1, entry));
      names.push(keys.idempotency(1, member, 'k'), keys.memberOrders(member), keys.order(orderId));
      words.push(
        orderId,
        1,
        member,
        quantity,
        units,
        50_000,
        'KRW',
        entry,
        'k',
        'bodybodybodybodybodybo',
        300_000,
        0,
        4,
      );
    }
    await send(redis, names, words);
    items += batchItems;
  }
  return items;
}

/** Names that nobody else asks for. */
function unitsOf(
  kind: Kind,
  lane: number,
  at: number,
): { readonly quantity: number; readonly units: string } {
  switch (kind) {
    case 'pool':
      return { quantity: 1, units: '1' };
    case 'seats':
      return { quantity: 1, units: `S${lane}-${at}` };
    case 'nights':
      return { quantity: 2, units: `${lane}-${at}-01,${lane}-${at}-02` };
    default:
      return kind satisfies never;
  }
}

async function cpuSeconds(redis: Redis): Promise<number> {
  const info = await redis.info('cpu');
  const read = (name: string): number =>
    Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? Number.NaN);
  return read('used_cpu_user') + read('used_cpu_sys');
}
