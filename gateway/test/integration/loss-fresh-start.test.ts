import { expect, test } from 'vitest';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { publicRoom } from '../../src/queue/numbers/numbers.ts';
import {
  admit,
  join,
  joinAndHold,
  line,
  openQueue,
  ownRedis,
  patientRules,
  type Queue,
  setRules,
} from '../support/losing-redis.ts';

const rules = {
  ...patientRules,
  admission: { ratePerMinute: 60_000, capacity: 1 },
  session: { ttlSeconds: 600 },
};

/** Stops this gateway's part in the room: what it remembers is gone. */
async function forget({ open }: Queue): Promise<void> {
  await open.rooms.stop();
  open.redis.disconnect();
  open.subscriber.disconnect();
}

function claimsOf({ room }: Queue, visitor: string, turn: number, deadline: number) {
  const exp = Math.floor(deadline / 1_000);
  const head = { iss: 'ropeline', aud: room.name, sub: visitor, iat: 0, nbf: 0, lane: 'standard' };
  return { ...head, jti: `${visitor}.${turn}`, exp };
}

test('a Redis found empty by a starting gateway is a fresh start until a ticket of before is shown', async () => {
  const redis = await ownRedis();
  const before = await openQueue(redis.url, rules);
  const first = await join(before);
  const second = await join(before);
  await before.open.rooms.stop();
  await before.open.redis.flushall();
  await forget(before);

  const after = await openQueue(redis.url, rules, before.room.name);
  expect(after.room.state).toBe('open');
  await setRules(after, { 'flag.paused': '1' });
  const early = await join(after);
  const { epochId } = after.room.cursor;
  const back = await join(after, second.ticket);
  expect(back).toMatchObject({
    isNew: false,
    visitor: { id: second.visitor.id, score: second.visitor.score },
  });
  expect(after.room.cursor.epochId).not.toBe(epochId);
  const late = await join(after);
  expect(await join(after, first.ticket)).toMatchObject({ isNew: false, visitor: { id: first.visitor.id } });
  expect(await join(after, early.ticket)).toMatchObject({ isNew: false, visitor: { id: early.visitor.id } });
  const back3 = [early, late].map(({ visitor }) => visitor.id);
  expect(await line(after)).toEqual([first.visitor.id, second.visitor.id, ...back3]);
});

test('with nobody to say who is inside nobody is admitted for a session time, unless the operator resumes', async () => {
  const redis = await ownRedis();
  const before = await openQueue(redis.url, rules);
  const inside = await joinAndHold(before);
  await until(() => inside.visitor.state === 'admitted');
  const session = await before.visits.claim(before.room, inside.visitor);
  if (!session.claimed) throw new Error('not claimed');
  const waiting = await join(before);
  await before.open.redis.flushall();
  await forget(before);

  const after = await openQueue(redis.url, rules, before.room.name);
  const back = await join(after, waiting.ticket);
  expect(publicRoom(after.room)).toMatchObject({ state: 'recovering', reason: 'recovering' });
  await until(() => publicRoom(after.room).reason === 'inside-unknown');
  const { recoversAt = 0 } = publicRoom(after.room);
  expect(recoversAt - after.room.cursor.now()).toBeGreaterThan(400_000);
  expect(back.visitor.state).toBe('waiting');
  // The entry is counted again as it is seen, so that resuming does not let one in too many.
  const claims = claimsOf(after, inside.visitor.id, session.turn, session.deadline);
  expect(await after.room.entries.isOver(claims)).toBe(false);
  const { active } = after.room.cursor.keys;
  expect(await after.open.redis.zrange(active, '0', '-1', 'WITHSCORES')).toEqual([
    inside.visitor.id,
    String(claims.exp * 1_000),
  ]);
  const flags = [['flag.paused', '0']] as const;
  const resume = { author: 'test', action: 'resume', reason: '', expectedVersion: 0, fields: flags };
  await after.open.engine.change(after.room.cursor, resume);
  await until(() => after.room.state === 'open');
  await setRules(after, { 'admission.capacity': '2' });
  await until(() => back.visitor.state === 'admitted');
});

test('an entry unknown to a fresh room shows the loss, and a run that a ticket tells is taken over', async () => {
  const redis = await ownRedis();
  const before = await openQueue(redis.url, rules);
  await before.open.engine.reset(before.room.cursor, 'test', '');
  await until(async () => (await before.room.refresh()) && before.room.cursor.run === 2);
  const inside = await joinAndHold(before);
  await until(() => inside.visitor.state === 'admitted');
  const session = await before.visits.claim(before.room, inside.visitor);
  if (!session.claimed) throw new Error('not claimed');
  const waiting = await join(before);
  await before.open.redis.flushall();
  await forget(before);

  const after = await openQueue(redis.url, rules, before.room.name);
  await setRules(after, { 'flag.paused': '1' });
  const early = await join(after);
  const { epochId } = after.room.cursor;
  const claims = claimsOf(after, inside.visitor.id, session.turn, session.deadline);
  expect(await after.room.entries.isOver(claims)).toBe(false);
  expect(after.room.cursor.epochId).not.toBe(epochId);
  expect(after.room.state).toBe('recovering');
  expect(await after.open.redis.zcard(after.room.cursor.keys.active)).toBe(1);
  expect(await join(after, waiting.ticket)).toMatchObject({ isNew: false });
  expect(after.room.cursor.run).toBe(2);
  expect(await join(after, early.ticket)).toMatchObject({ isNew: false, visitor: { id: early.visitor.id } });
  expect(await line(after)).toEqual([waiting.visitor.id, early.visitor.id]);
});

test('a gateway that remembers makes a fresh start undone and puts back who is inside', async () => {
  const redis = await ownRedis();
  const remembers = await openQueue(redis.url, rules);
  const inside = await joinAndHold(remembers);
  await until(() => inside.visitor.state === 'admitted');
  await remembers.visits.claim(remembers.room, inside.visitor);
  const waiting = await joinAndHold(remembers);
  await remembers.open.redis.flushall();
  const fresh = await openQueue(
    redis.url,
    { ...rules, admission: { ratePerMinute: 1 } },
    remembers.room.name,
  );
  await until(
    () => fresh.room.cursor.epochId === remembers.room.cursor.epochId && !remembers.room.recovery.owes,
  );
  const { keys } = fresh.room.cursor;
  await until(async () => (await line(fresh)).length === 1);
  expect(await line(fresh)).toEqual([waiting.visitor.id]);
  expect(await fresh.open.redis.zrange(keys.active, '0', '-1')).toEqual([inside.visitor.id]);
  expect(await fresh.open.redis.hget(keys.pacer, 'holdUntil')).toBeNull();
  await until(() => fresh.room.rules.admission.ratePerMinute === 60_000);
});

test('a gateway started later refuses entries that ended before its start, and knows those that live', async () => {
  const redis = await ownRedis();
  const first = await openQueue(redis.url, { ...rules, admission: { ratePerMinute: 60_000, capacity: 0 } });
  const visitors = [await joinAndHold(first), await joinAndHold(first), await joinAndHold(first)];
  await admit(first, 3);
  const entries = [];
  for (const { visitor } of visitors) {
    const claimed = await first.visits.claim(first.room, visitor);
    if (!claimed.claimed) throw new Error('not claimed');
    entries.push(claimsOf(first, visitor.id, claimed.turn, claimed.deadline));
  }
  await first.visits.leave(first.room, visitors[0]?.visitor.id ?? '');
  await first.visits.leave(first.room, visitors[1]?.visitor.id ?? '', 'revoked');
  const later = await openQueue(redis.url, {}, first.room.name);
  const isOver = await Promise.all(entries.map((claims) => later.room.entries.isOver(claims)));
  expect(isOver).toEqual([true, true, false]);
  expect(await later.open.redis.zcard(later.room.cursor.keys.active)).toBe(1);
});

test('rooms that sleep come back by themselves after Redis was emptied, and so does the list of rooms', async () => {
  const redis = cleanedUp(await startRedis(), (server) => server.kill());
  const one = await openQueue(redis.url, { queue: { maxWaiting: 7 } });
  const two = await openQueue(redis.url, {}, one.room.name);
  const other = await openQueue(redis.url, { queue: { maxWaiting: 9 } });
  await setRules(one, { 'flag.paused': '1' });
  await until(() => one.room.flags.paused && two.room.flags.paused);
  await one.open.redis.flushall();
  await until(async () => (await one.open.redis.exists(one.room.cursor.keys.config)) === 1);
  await until(async () => (await one.open.redis.exists(other.room.cursor.keys.config)) === 1);
  expect(await one.open.redis.hmget(one.room.cursor.keys.config, 'queue.maxWaiting', 'flag.paused')).toEqual([
    '7',
    '1',
  ]);
  await until(async () => (await one.open.redis.smembers('ropeline:rooms')).length === 2);
});
