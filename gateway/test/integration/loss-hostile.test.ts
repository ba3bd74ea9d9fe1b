import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import type { Joined } from '../../src/queue/visitors/visits.ts';
import {
  admit,
  hold,
  join,
  joinAndHold,
  line,
  openQueue,
  ownRedis,
  patientRules,
  type Queue,
  recovered,
  settled,
} from '../support/losing-redis.ts';

async function gateways(count: number, more: object = {}): Promise<Queue[]> {
  const redis = await ownRedis();
  const queues = [await openQueue(redis.url, { ...patientRules, ...more })];
  for (const [{ room }] = queues as [Queue]; queues.length < count; )
    queues.push(await openQueue(redis.url, {}, room.name));
  return queues;
}

/** As if it were killed: Redis hears no word from it any more. */
function kill({ open }: Queue): void {
  open.redis.disconnect();
  open.subscriber.disconnect();
}

test('gateways without one socket put back all who poll or were here within their grace, each with a lease', async () => {
  const presence = { graceSeconds: 300, leaseSeconds: 60 };
  const [one, two] = (await gateways(2, { presence })) as [Queue, Queue];
  const gone = await join(one);
  for (let i = 0; i < 10; i += 1) await join(i % 2 === 0 ? one : two);
  const before = await line(one);
  const { epochId, keys } = one.room.cursor;
  // Whose socket was closed four minutes ago: the grace period is not over.
  gone.visitor.seenAt -= 240_000;
  one.room.forgetOld();
  await one.open.redis.flushall();
  await recovered([one, two], epochId);
  await until(async () => (await line(one)).length === before.length);
  expect(await line(one)).toEqual(before);
  expect((await one.open.redis.zrange(keys.presence, '0', '-1')).sort()).toEqual(before.toSorted());
  await settled(one);
  await admit(two, 1);
  expect(await line(one)).toEqual(before.slice(1));
});

test('emptied again and again while it still comes back, Redis has everybody once, in order, and nothing that was over', async () => {
  const [one, two] = (await gateways(2)) as [Queue, Queue];
  const { redis } = one.open;
  const { keys } = one.room.cursor;
  const [active, admitted, left] = [await joinAndHold(one), await joinAndHold(two), await joinAndHold(one)];
  await admit(two, 2);
  expect(await one.visits.claim(one.room, active.visitor)).toMatchObject({ claimed: true, turn: 1 });
  await two.visits.leave(two.room, left.visitor.id);
  // More than are seated in one go, so that some losses come in the middle of it.
  await Promise.all(
    Array.from({ length: 1_200 }, (_, i) => {
      const queue = i % 2 === 0 ? one : two;
      return i % 4 < 2 ? join(queue) : joinAndHold(queue);
    }),
  );
  const expected = await line(one);
  const newcomer = async (queue: Queue): Promise<void> => {
    expected.push((await joinAndHold(queue)).visitor.id);
  };
  const empty = async (): Promise<void> => {
    const { epochId } = one.room.cursor;
    await redis.flushall();
    await until(() => one.room.cursor.epochId !== epochId || two.room.cursor.epochId !== epochId);
  };
  for (let loss = 0; loss < 3; loss += 1) await empty();
  await newcomer(one);
  await newcomer(two);
  await empty();
  await newcomer(two);
  await until(() => [one, two].every(({ room }) => !room.recovery.owes));
  await until(() => one.room.cursor.epochId === two.room.cursor.epochId);
  await until(async () => (await line(one)).length === expected.length);
  expect(await line(one)).toEqual(expected);
  expect(await redis.zrange(keys.active, '0', '-1')).toEqual([active.visitor.id]);
  expect(await redis.zrange(keys.admitted, '0', '-1')).toEqual([admitted.visitor.id]);
  expect(await redis.hget(keys.pacer, 'turn')).toBe('2');
  expect((await join(two, left.ticket)).visitor.id).not.toBe(left.visitor.id);
  await settled(one);
  await admit(one, 3);
  expect((await line(one)).slice(0, -1)).toEqual(expected.slice(3));
});

test('of gateways that are killed before and after they put back, the visitors stand where they stood at the one that lives', async () => {
  const [soon, late, stays] = (await gateways(3)) as [Queue, Queue, Queue];
  const all: { readonly joined: Joined; readonly at: Queue }[] = [];
  for (let i = 0; i < 15; i += 1) {
    const at = [soon, late, stays][i % 3] as Queue;
    all.push({ joined: await joinAndHold(at), at });
  }
  const before = await line(stays);
  const { epochId, keys } = stays.room.cursor;
  kill(soon);
  await stays.open.redis.flushall();
  await recovered([late, stays], epochId);
  kill(late);
  const turnsBefore = Number(await stays.open.redis.hget(keys.pacer, 'turn'));
  const homeless = all.filter(({ at }) => at !== stays);
  const [lastToCome, ...others] = homeless;
  for (const { joined } of others) {
    const back = await join(stays, joined.ticket);
    expect(back).toMatchObject({ isNew: false, visitor: { id: joined.visitor.id } });
    hold(stays, back.visitor);
  }
  await settled(stays);
  hold(stays, (await join(stays, lastToCome?.joined.ticket)).visitor);
  expect(await line(stays)).toEqual(before);
  expect(Number((await stays.open.redis.hget(keys.pacer, 'turn')) ?? 0)).toBe(turnsBefore);
  for (let turn = 1; turn <= before.length; turn += 1) {
    await admit(stays, 1);
    expect(await line(stays)).toEqual(before.slice(turn));
  }
});

test('a place that is over is not seated again where Redis does not know of it any more', async () => {
  const [one] = (await gateways(1)) as [Queue];
  const { visitor } = await join(one);
  await one.visits.leave(one.room, visitor.id);
  await until(() => visitor.state === 'left');
  await one.open.redis.hdel(one.room.cursor.keys.over, visitor.id);
  await one.room.visitors.checkAll();
  expect(await line(one)).toEqual([]);
  expect(visitor.state).toBe('left');
});
