import { setTimeout as delay } from 'node:timers/promises';
import { connectRedisForWaiting, type Redis, untilReady } from '@ropeline/core/redis/connect.ts';
import { roomKeys } from '@ropeline/core/redis/room-keys.ts';
import { startRedis } from '../../scripts/services/redis-server.ts';
import { worstWindow } from '../check/admission-bound.ts';
import { readRecord, timesOf } from '../check/room-record.ts';
import { benchLog, enterRoom, seat } from './lib/bench-room.ts';
import { startGateways } from './lib/gateways.ts';
import { pacingErrors } from './lib/pacing-errors.ts';
import { percentile } from './lib/percentile.ts';
import { table } from './lib/rounds.ts';

/**
 * How far the admissions of a second are from what the rate allows, over every window of a second that begins at a
 * multiple of 100 ms of Redis time: a slow and a fast room at once, ticked by one gateway, and by three of which one is
 * killed (SIGKILL) in the middle. And guarantee 1: no window whatever above its bound.
 */
const rooms = { slow: 10, fast: 1_000 };
const runMs = 30_000;
const goalP99 = 0.05;

const rows = [['pacing error per second', 'p50', 'p99', 'max', 'windows', 'above the bound', 'goal']];
let reached = true;
for (const [count, name] of [
  [1, 'one gateway'],
  [3, 'three, one killed'],
] as const) {
  reached = (await run(count, name)) && reached;
}
console.log(table(rows));
process.exitCode = reached ? 0 : 1;

async function run(count: number, name: string): Promise<boolean> {
  const server = await startRedis();
  const heard = new Map<string, string[]>();
  try {
    const subscriber = connectRedisForWaiting(server.url, { name: 'bench', log: benchLog });
    await listen(subscriber, heard);
    const gateways = await startGateways({
      redisUrl: server.url,
      count,
      rooms: Object.fromEntries(
        Object.entries(rooms).map(([room, perSecond]) => [room, rulesOf(room, perSecond)]),
      ),
    });
    try {
      for (const [room, perSecond] of Object.entries(rooms)) {
        const entered = await enterRoom(server.url, room);
        await seat(entered, Math.ceil((perSecond * runMs * 1.5) / 1_000));
        entered.redis.disconnect();
        // A room sleeps until a gateway hears of somebody who waits.
        await fetch(`${gateways.all[0]?.origin}/_ropeline/rooms/${room}/join`, { method: 'POST' });
      }
      await delay(runMs / 2);
      // Not the first: that one opened the rooms.
      await gateways.all.at(count > 1 ? 1 : count)?.kill();
      await delay(runMs / 2);
    } finally {
      await gateways.stop();
      subscriber.disconnect();
    }
  } finally {
    await server.stop();
  }
  return Object.entries(rooms)
    .map(([room, perSecond]) => judge(`${perSecond}/s, ${name}`, perSecond, heard.get(room) ?? []))
    .every(Boolean);
}

function rulesOf(room: string, perSecond: number): unknown {
  return {
    admission: { ratePerMinute: perSecond * 60, capacity: 1_000_000 },
    queue: { alwaysOn: true },
    claim: { windowSeconds: 3_600 },
    match: { hosts: [`${room}.test`] },
  };
}

async function listen(subscriber: Redis, heard: Map<string, string[]>): Promise<void> {
  await untilReady(subscriber);
  const roomOf = new Map(Object.keys(rooms).map((room) => [roomKeys(room).tick, room]));
  for (const room of roomOf.values()) heard.set(room, []);
  subscriber.on('message', (channel: string, text: string) =>
    heard.get(roomOf.get(channel) ?? '')?.push(text),
  );
  await subscriber.subscribe(...roomOf.keys());
}

function judge(name: string, perSecond: number, messages: readonly string[]): boolean {
  const record = readRecord(messages);
  const admissions = timesOf(record, 'admitted');
  // The first second fills an empty bucket; the last is cut off.
  const from = Math.ceil(((admissions[0] ?? 0) + 1_000) / 1_000) * 1_000;
  const to = from + runMs - 4_000;
  const errors = pacingErrors(admissions, perSecond, from, to);
  const worst = worstWindow(admissions, timesOf(record, 'lapsed'), [
    { at: 0, ratePerMinute: perSecond * 60, burst: 0 },
  ]);
  const percent = (share: number): string => `${(100 * percentile(errors, share)).toFixed(1)} %`;
  const above =
    worst !== undefined && worst.excess > 0
      ? `${worst.excess.toFixed(2)} in ${worst.to - worst.from} ms`
      : 'never';
  const judged = perSecond >= 1_000;
  const goal = judged ? `p99 <= ${100 * goalP99} %, never` : 'never';
  rows.push([name, percent(0.5), percent(0.99), percent(1), String(errors.length), above, goal]);
  if (record.missing > 0) console.log(`${name}: ${record.missing} messages were not heard`);
  if ((admissions.at(-1) ?? 0) < to) console.log(`${name}: admissions ended too soon`);
  const complete = record.missing === 0 && (admissions.at(-1) ?? 0) >= to;
  return complete && above === 'never' && (!judged || percentile(errors, 0.99) <= goalP99);
}
