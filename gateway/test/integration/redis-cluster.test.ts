import { setTimeout as delay } from 'node:timers/promises';
import { roomKeys } from '@ropeline/core/redis/room-keys.ts';
import { PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { moveSlot, type RedisCluster, startRedisCluster } from '../../../testing/redis-cluster.ts';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import type { LiveRoom } from '../../src/queue/live-room.ts';
import { statusOf } from '../../src/queue/numbers/numbers.ts';
import { toFields } from '../../src/queue/rule-fields.ts';
import { defaultRules } from '../../src/queue/rules.ts';
import { watch } from '../../src/queue/visitors/roster.ts';
import { type Joined, Visits } from '../../src/queue/visitors/visits.ts';
import { History } from '../support/history.ts';
import { judgeAdmissions } from '../support/judge-admissions.ts';
import { joinAndHold, joinByTurns, line, openTwo, recovered, settled } from '../support/losing-redis.ts';
import { lotteryRules, openNow, placesBySeed } from '../support/lottery.ts';
import { openControl } from '../support/open-control.ts';
import { createRoom, openRooms } from '../support/open-rooms.ts';
import { type BareEngine, observe, openEngine } from '../support/queue-observer.ts';

const visits = new Visits(new PlaceTickets(['a secret of at least thirty-two bytes']));
const busy = {
  queue: { alwaysOn: true },
  admission: { ratePerMinute: 0 },
  claim: { windowSeconds: 600 },
  presence: { graceSeconds: 600, leaseSeconds: 600 },
};

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(() => cluster.stop());

/** A room name whose keys lie on each of the three nodes. */
async function roomPerNode(): Promise<readonly string[]> {
  const rooms = new Map<string, string>();
  while (rooms.size < 3) {
    const room = uniqueRoom();
    const { id } = await cluster.homeOf(roomKeys(room).pacer);
    if (!rooms.has(id)) rooms.set(id, room);
  }
  return [...rooms.values()];
}

async function join(room: LiveRoom, ticket?: string): Promise<Joined> {
  const joined = await visits.join(room, 0, ticket);
  if (joined.refused !== undefined) throw new Error(`refused: ${joined.refused}`);
  return joined;
}

test('every key of a room is in one slot, however the room is called', async () => {
  for (const room of ['demo', '0', '-', 'a-b-c', uniqueRoom()]) {
    const keys = Object.values(roomKeys(room)).flatMap((key: string | ((name: string) => string)) =>
      typeof key === 'string' ? [key] : [key('standard'), key('{x}')],
    );
    expect(keys.length).toBeGreaterThan(10);
    const slots = await Promise.all(keys.map((key) => cluster.slotOf(key)));
    expect(new Set(slots).size, room).toBe(1);
  }
});

test('on each node of a cluster two gateways run a room together from the first join to the reset', async () => {
  const [here, there] = [await openControl(cluster.url), await openRooms(cluster.url)];
  await Promise.all(
    (await roomPerNode()).map(async (name) => {
      const room = await createRoom(here, name, {
        ...busy,
        admission: { ratePerMinute: 0, capacity: 2 },
        stock: { follow: true },
      });
      // Told by the channel of all rooms.
      const same = await until(() => there.rooms.get(name));
      const first = await join(room);
      const second = await join(same);
      const third = await join(room);
      expect(await join(same, first.ticket)).toMatchObject({
        isNew: false,
        visitor: { id: first.visitor.id },
      });
      await until(() => statusOf(same, second.visitor).position === 2);

      watch(third.visitor, {
        changed: () => undefined,
        tick: () => undefined,
        roomChanged: () => undefined,
        seatedAgain: () => undefined,
        sendAway: () => undefined,
      });
      await room.visitors.hold(third.visitor);
      expect(await here.redis.zscore(room.cursor.keys.presence, third.visitor.id)).toBeNull();
      expect(await here.redis.zcard(room.cursor.keys.presence)).toBe(2);

      const at = `/api/rooms/${name}`;
      expect((await here.call('POST', `${at}/pause`)).status).toBe(200);
      const faster = { admission: { ratePerMinute: 60_000 } };
      expect((await here.call('PATCH', at, { body: faster })).status).toBe(200);
      await until(() => same.state === 'paused');
      expect((await here.call('POST', `${at}/resume`)).status).toBe(200);
      // Two fit in; each gateway hears what the other's visitors are given.
      await until(() => first.visitor.state === 'admitted' && second.visitor.state === 'admitted');
      expect(third.visitor.state).toBe('waiting');
      const found = await visits.find(room, second.ticket);
      expect(found.visitor?.state).toBe('admitted');
      expect(await visits.claim(same, second.visitor)).toMatchObject({ claimed: true, again: false });
      expect(await visits.claim(room, second.visitor)).toMatchObject({ claimed: true, again: true });
      // The first does not claim: the turn lapses, as when its time is over, and goes to the third.
      await here.redis.zadd(room.cursor.keys.admitted, 'XX', 1, first.visitor.id);
      room.wake();
      await until(() => first.visitor.state === 'lapsed' && third.visitor.state === 'admitted');
      expect(await visits.leave(same, second.visitor.id)).toBe(true);

      const fourth = await join(same);
      await until(() => fourth.visitor.state === 'admitted');
      const fifth = await join(room);
      const gone = await here.call('DELETE', `${at}/visitors/${fifth.visitor.id}?reason=test`);
      expect(gone.status).toBe(204);
      const signal = { body: { stock: { capacity: 5, held: 5, sold: 0 } } };
      expect((await here.call('POST', `${at}/signals`, signal)).status).toBeLessThan(300);
      await until(() => same.state === 'stock-held');
      const audit = (await here.call('GET', `${at}/audit`)).body;
      expect(JSON.stringify(audit)).toContain('resume');
      expect(JSON.stringify(audit)).toContain(fifth.visitor.id);
      await until(async () =>
        JSON.stringify((await here.call('GET', `${at}/history`)).body).includes('waiting'),
      );
      expect((await here.call('GET', `${at}/stats`)).status).toBe(200);
      const { run } = room.cursor;
      expect((await here.call('POST', `${at}/reset`)).status).toBe(200);
      await until(() => same.cursor.run === run + 1);
      expect(await visits.find(same, third.ticket)).toMatchObject({ why: 'no-place' });
    }),
  );
  const listed = (await here.call('GET', '/api/rooms')).body;
  expect(JSON.stringify(listed)).toContain(here.rooms.all()[0]?.name);
});

test('five gateways on a cluster share the ticks of a room on each node, and admit in order and never too many', async () => {
  const crowd = 120;
  const rules = {
    ...defaultRules,
    admission: { ratePerMinute: 3_000, burst: 0, capacity: 40 },
    queue: { ...defaultRules.queue, alwaysOn: true },
    presence: { graceSeconds: 3_600, leaseSeconds: 3_600 },
  };
  await Promise.all(
    (await roomPerNode()).map(async (room) => {
      const engines: BareEngine[] = [];
      for (let i = 0; i < 5; i += 1) engines.push(await openEngine(cluster.url, room, toFields(rules)));
      const [first] = engines as [BareEngine];
      const { heard } = await observe(cluster.url, first);
      const history = new History({ standard: 1 });
      history.rules(0, Date.now() - 60_000, { ...rules.admission, serves: true });
      const worked = engines.map(() => 0);
      let isOver = false;
      const ticking = engines.map(async ({ engine, cursor }, i) => {
        while (!isOver) {
          const tick = await engine.tick(cursor, '');
          if (tick.worked) worked[i] = (worked[i] ?? 0) + 1;
          await delay(5 + i);
        }
      });
      let used = 0;
      const using = (async () => {
        while (used < crowd) {
          const turns = heard.flatMap(({ events }) => events.filter(({ type }) => type === 'admitted'));
          for (const event of turns.slice(used)) {
            if (event.type !== 'admitted') continue;
            const { engine, cursor } = engines[used % 5] as BareEngine;
            used += 1;
            expect(await engine.claim(cursor, event.visitor)).toMatchObject({ claimed: true, again: false });
            await engine.leave(cursor, event.visitor, 'left');
          }
          await delay(10);
        }
      })();
      await Promise.all(
        Array.from({ length: crowd }, async (_, i) => {
          const { engine, cursor } = engines[i % 5] as BareEngine;
          const visitor = `v${i}`;
          const place = { visitor, fresh: visitor, lane: 0, score: 0, older: false };
          const joined = await engine.join(cursor, place);
          if (joined.refused !== undefined) throw new Error(`refused: ${joined.refused}`);
          history.waits(joined.sequence, 0, visitor, 'standard', joined.score);
        }),
      );
      await using;
      // Who is first in a slot works; nobody leads.
      await until(() => worked.filter((ticks) => ticks > 0).length >= 3);
      isOver = true;
      await Promise.all(ticking);
      for (const broadcast of heard) history.hear(broadcast);
      expect(judgeAdmissions(history.happenings)).toEqual([]);
      expect(history.count('admitted')).toBe(crowd);
      expect(heard.map(({ message }) => message)).toEqual(heard.map((_, i) => i + 1));
    }),
  );
});

test('a slot that moves to another node while its room is in use loses nobody and keeps the order', async () => {
  const [here, there] = [await openRooms(cluster.url), await openRooms(cluster.url)];
  const room = await createRoom(here, uniqueRoom(), {
    ...busy,
    admission: { ratePerMinute: 3_000, capacity: 100_000 },
  });
  const same = await until(() => there.rooms.get(room.name));
  const slot = await cluster.slotOf(room.cursor.keys.pacer);
  const from = await cluster.homeOf(room.cursor.keys.pacer);
  const to = cluster.masters.find(({ id }) => id !== from.id) ?? from;
  const places: Joined[] = [];
  let isOver = false;
  const joining = (async () => {
    while (!isOver || places.length < 60) {
      // What the move refuses is refused in time and asked again, as visitors do.
      const joined = await visits
        .join(places.length % 2 === 0 ? room : same, 0, undefined)
        .catch(() => undefined);
      if (joined !== undefined && joined.refused === undefined) places.push(joined);
    }
  })();
  await until(() => places.length >= 20);
  await moveSlot(cluster, slot, from, to);
  isOver = true;
  await joining;
  expect(await to.redis.exists(room.cursor.keys.pacer)).toBe(1);
  // Another server may know less: the room settles before it goes on.
  await until(() => room.link === 'up' && same.link === 'up');
  await until(async () => {
    const finds = [room, same].flatMap((at) => places.map(({ ticket }) => visits.find(at, ticket)));
    return (await Promise.all(finds)).every(({ visitor }) => visitor?.state === 'admitted');
  });
  const turns = (await Promise.all(places.map(({ ticket }) => visits.find(same, ticket)))).map(
    ({ visitor }) => visitor?.turn ?? 0,
  );
  expect(turns).toEqual(turns.toSorted((a, b) => a - b));
});

test('what a master says that was replaced and does not know it yet is not believed', async () => {
  const open = await openRooms(cluster.url);
  const room = await createRoom(open, uniqueRoom(), busy);
  const { visitor } = await join(room);
  await until(() => room.waiting === 1);
  const home = await cluster.homeOf(room.cursor.keys.pacer);
  const message = await home.redis.hget(room.cursor.keys.pacer, 'message');
  const { epochId, sequence } = room.cursor;
  const head = `${epochId} ${sequence} ${message} ${Date.now()} ${room.version}`;
  await home.redis.publish(room.cursor.keys.tick, `${head}\na ${visitor.id} 1 ${Date.now() + 60_000}`);
  const fields = [['flag.paused', '1']] as const;
  const change = { author: 'test', action: 'pause', reason: '', expectedVersion: 0, fields };
  await open.engine.change(room.cursor, change);
  await until(() => room.state === 'paused');
  expect(visitor.state).toBe('waiting');
});

test('a lottery on a cluster is drawn, and when its node was emptied everybody stands where they were drawn, in front of who comes then', async () => {
  const rules = lotteryRules({ admission: { ratePerMinute: 6_000, capacity: 0 } });
  const both = await openTwo(cluster.url, rules, uniqueRoom());
  const [one, two] = both;
  const joined = await joinByTurns(both, 12);
  const areDrawn = (): boolean => both.every(({ room }) => room.draw.state.doneAt > 0);
  await openNow(one);
  await until(areDrawn);
  const { draw, cursor } = one.room;
  const order = placesBySeed(
    draw.state.seed ?? '',
    joined.map(({ visitor }) => visitor.id),
  );
  expect(await line(one)).toEqual(order);

  const { epochId } = cursor;
  await (await cluster.homeOf(cursor.keys.pacer)).redis.flushall();
  for (const { room } of both) room.wake();
  await recovered(both, epochId);
  const late = await joinAndHold(two);
  await settled(one);
  await until(areDrawn);
  expect(await line(one)).toEqual([...order, late.visitor.id]);
});
