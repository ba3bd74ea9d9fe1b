import type { Status } from '@ropeline/core/protocol/status.ts';
import { describe, expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import { openLive } from '../support/live-client.ts';
import { join, leave, statusOf } from '../support/lottery.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';

const rules = {
  queue: { alwaysOn: true },
  admission: { ratePerMinute: 0 },
  presence: { graceSeconds: 600, leaseSeconds: 600 },
};

type Place = { readonly visitor: string; readonly ticket: string };

async function joinOne(gateway: TestGateway): Promise<Place> {
  const { status } = await join(gateway);
  return { visitor: status.visitor, ticket: status.place as string };
}

/** As if they had been called and nobody had answered. */
async function strike({ open, room }: TestGateway, places: readonly Place[]): Promise<void> {
  const due = places.flatMap(({ visitor }) => [1, visitor]);
  await open.redis.zadd(room.cursor.keys.presence, ...due);
  await until(() => places.every(({ visitor }) => room.roster.get(visitor)?.state === 'abandoned'));
}

/** Six came, the last three went away, then the first two left: one is there, and the sketch knows it. */
async function oneOfSix(): Promise<{ gateway: TestGateway; absent: readonly Place[] }> {
  const gateway = await startGateway({ rules });
  const places: Place[] = [];
  for (let n = 0; n < 6; n += 1) places.push(await joinOne(gateway));
  const [first, second] = places as [Place, Place];
  const absent = places.slice(3);
  // Their ranks of before are known here.
  await until(() => gateway.room.waiting === 6);
  for (const { ticket } of absent) await statusOf(gateway, ticket);
  await strike(gateway, absent);
  for (const { ticket } of [first, second]) await leave(gateway, ticket);
  await until(() => gateway.room.waiting === 1);
  return { gateway, absent };
}

const numbers = ({ state, position, ahead, waiting }: Status) => ({ state, position, ahead, waiting });
const secondOfTwo = { state: 'waiting', position: 2, ahead: 1, waiting: 2 };

describe('who comes back from away is told the position at once', () => {
  test('by a poll', async () => {
    const { gateway, absent } = await oneOfSix();
    const { status } = await statusOf(gateway, absent[2]?.ticket as string);
    expect(numbers(status)).toEqual(secondOfTwo);
    // And the same when a sketch has shown it.
    await until(() => gateway.room.waiting === 2);
    expect(numbers((await statusOf(gateway, absent[2]?.ticket as string)).status)).toEqual(secondOfTwo);
  });

  test('by a join', async () => {
    const { gateway, absent } = await oneOfSix();
    expect(numbers((await join(gateway, absent[1]?.ticket)).status)).toEqual(secondOfTwo);
  });

  test('by a socket', async () => {
    const { gateway, absent } = await oneOfSix();
    const client = openLive(gateway.origin, gateway.room.name, absent[0]?.ticket as string);
    const told = await until(() =>
      client.messages.find((message) => message.type === 'status' && message.state === 'waiting'),
    );
    expect(told).toMatchObject(secondOfTwo);
  });

  test('also when the line is longer than the part of it that is known exactly', async () => {
    const { gateway, absent } = await oneOfSix();
    const { redis } = gateway.open;
    const queue = gateway.room.cursor.keys.queue('standard');
    const [, score] = await redis.zrange(queue, '0', '0', 'WITHSCORES');
    const behind = Array.from({ length: 1_500 }, (_, n) => [Number(score) + 1_000 + n, `v${n}`]).flat();
    await redis.hincrby(gateway.room.cursor.keys.pacer, 'next', 10_000);
    await redis.zadd(queue, ...behind);
    await until(() => gateway.room.waiting === 1_501 && gateway.room.sketches[0]?.rankOf(0, 'v0') === 2);
    const positions: unknown[] = [];
    for (const { ticket } of absent) positions.push((await statusOf(gateway, ticket)).status.position);
    const real = await Promise.all(absent.map(({ visitor }) => redis.zrank(queue, visitor)));
    expect(real).toEqual([1, 2, 3]);
    expect(positions).toEqual([2, 3, 4]);
  });
});
