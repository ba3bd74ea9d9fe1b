import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import {
  admit,
  hold,
  join,
  joinAndHold,
  joinByTurns,
  line,
  openTwo,
  ownRedis,
  patientRules,
  type Queue,
  recovered,
  setRules,
  settled,
  strike,
} from '../support/losing-redis.ts';

const rules = { ...patientRules, claim: { windowSeconds: 600, lapsesAllowed: 1 } };

async function twoGateways(more: object = {}): Promise<[Queue, Queue]> {
  const redis = await ownRedis();
  return openTwo(redis.url, { ...rules, ...more });
}

test('an emptied Redis gets its queue back in the old order, and newcomers stand behind', async () => {
  const [one, two] = await twoGateways();
  const waiting = await joinByTurns([one, two], 20);
  const poller = await join(one);
  const before = await line(one);
  const { epochId } = one.room.cursor;
  await one.open.redis.flushall();
  const newcomer = await join(two);
  expect(one.room.state === 'recovering' || two.room.state === 'recovering').toBe(true);
  await recovered([one, two], epochId);
  expect(await until(async () => (await line(one)).length === 22 && line(one))).toEqual([
    ...before,
    newcomer.visitor.id,
  ]);
  expect(await join(two, poller.ticket)).toMatchObject({ isNew: false, visitor: { id: poller.visitor.id } });
  expect(waiting.map(({ visitor }) => visitor.state)).toEqual(waiting.map(() => 'waiting'));
  const { presence } = one.room.cursor.keys;
  expect(await one.open.redis.zscore(presence, waiting[0]?.visitor.id ?? '')).toBeNull();
});

test('after a loss turns and sessions are where they were, and what was over stays over', async () => {
  const [one, two] = await twoGateways();
  const [ended, revoked, active, admitted, left, lapsed, waits] = [
    await joinAndHold(one),
    await joinAndHold(two),
    await joinAndHold(one),
    await joinAndHold(two),
    await joinAndHold(one),
    await joinAndHold(two),
    await joinAndHold(one),
  ];
  await admit(one, 4);
  // Who leaves must not give the next turn away while the window is still long.
  await setRules(one, { 'admission.capacity': '0' });
  for (const { visitor } of [ended, revoked, active])
    expect(await one.visits.claim(one.room, visitor)).toMatchObject({ claimed: true });
  await two.visits.leave(two.room, ended.visitor.id);
  await two.visits.leave(two.room, revoked.visitor.id, 'revoked');
  await one.visits.leave(one.room, left.visitor.id);
  await setRules(one, { 'claim.windowSeconds': '5', 'claim.lapsesAllowed': '0', 'admission.capacity': '3' });
  await until(() => lapsed.visitor.state === 'admitted');
  await setRules(one, { 'admission.capacity': '0' });
  await until(() => lapsed.visitor.state === 'lapsed');
  await setRules(one, { 'flag.paused': '1' });
  await until(() => one.room.state === 'paused' && two.room.state === 'paused');
  expect(await line(one)).toEqual([waits.visitor.id]);

  const { epochId, keys } = one.room.cursor;
  const { redis } = one.open;
  const deadline = await redis.zscore(keys.active, active.visitor.id);
  const turn = Number(await redis.hget(keys.pacer, 'turn'));
  await redis.flushall();
  one.room.wake();
  two.room.wake();
  await recovered([one, two], epochId);

  expect(await line(one)).toEqual([waits.visitor.id]);
  expect(await redis.zrange(keys.admitted, '0', '-1')).toEqual([admitted.visitor.id]);
  expect(await redis.zrange(keys.active, '0', '-1', 'WITHSCORES')).toEqual([active.visitor.id, deadline]);
  expect(Number(await redis.hget(keys.pacer, 'turn'))).toBe(turn);
  expect(await redis.zrange(keys.ended, '0', '-1')).toEqual(
    expect.arrayContaining([`${ended.visitor.id}.1`, `${revoked.visitor.id}.2`]),
  );
  for (const gone of [ended, revoked, left, lapsed]) {
    const again = await join(two, gone.ticket);
    expect(again.visitor.id).not.toBe(gone.visitor.id);
    expect(again.visitor.score).toBeGreaterThan(waits.visitor.score);
  }
  await settled(one);
  expect(one.room.state).toBe('paused');
  expect(await one.visits.claim(one.room, admitted.visitor)).toMatchObject({ claimed: true, turn: 4 });
});

test('who had a second chance and who was away keep their places below the last admitted score', async () => {
  const [one, two] = await twoGateways({ claim: { windowSeconds: 5, lapsesAllowed: 1 } });
  const away = await join(one);
  const again = await joinAndHold(two);
  const served = await joinAndHold(one);
  const last = await joinAndHold(two);
  await strike(one, [away.visitor.id]);
  await until(() => away.visitor.state === 'abandoned');
  await admit(one, 1);
  await setRules(one, { 'admission.capacity': '0' });
  await until(() => again.visitor.state === 'waiting' && again.visitor.turn === 1);
  await setRules(one, { 'claim.windowSeconds': '600' });
  await until(async () => (await line(one))[0] === again.visitor.id);
  await one.open.redis.zrem(one.room.cursor.keys.queue('standard'), again.visitor.id);
  await admit(one, 1);
  await one.open.redis.zadd(
    one.room.cursor.keys.queue('standard'),
    String(again.visitor.score),
    again.visitor.id,
  );
  await until(() => served.visitor.state === 'admitted');
  await setRules(one, { 'admission.capacity': '1' });

  const { epochId, keys } = one.room.cursor;
  await one.open.redis.flushall();
  one.room.wake();
  await recovered([one, two], epochId);
  expect(await line(one)).toEqual([again.visitor.id, last.visitor.id]);
  expect(await one.open.redis.hget(keys.turns, again.visitor.id)).toMatch(/^1:1:standard:/);
  const back = await join(two, away.ticket);
  expect(back).toMatchObject({ isNew: false, visitor: { id: away.visitor.id, score: away.visitor.score } });
  hold(two, back.visitor);
  expect(await line(one)).toEqual([away.visitor.id, again.visitor.id, last.visitor.id]);
});

test('nobody is admitted while visitors come back, and then the first in line', async () => {
  const [one, two] = await twoGateways();
  const first = await joinAndHold(two);
  const second = await joinAndHold(one);
  const { epochId, keys } = one.room.cursor;
  await setRules(one, { 'admission.capacity': '1', 'flag.paused': '1' });
  await until(
    () => one.room.flags.paused && two.room.flags.paused && one.room.rules.admission.capacity === 1,
  );
  await one.open.redis.flushall();
  one.room.wake();
  two.room.wake();
  await recovered([one, two], epochId);
  const settleUntil = Number(await one.open.redis.hget(keys.pacer, 'settleUntil'));
  await setRules(one, { 'flag.paused': '0' });
  await until(() => first.visitor.state === 'admitted');
  // Admitted, by the clock of Redis.
  expect(first.visitor.deadline - rules.claim.windowSeconds * 1_000).toBeGreaterThanOrEqual(settleUntil);
  expect(second.visitor.state).toBe('waiting');
});
