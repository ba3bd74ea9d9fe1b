import { request } from 'undici';
import { expect, it } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { openLive } from '../support/live-client.ts';
import {
  drawMade,
  join,
  lotteryRules,
  openNow,
  placesBySeed,
  publicState,
  statusOf,
} from '../support/lottery.ts';
import { type OpenControl, openControl } from '../support/open-control.ts';
import { privateRedis, startGateway, type TestGateway } from '../support/start-gateway.ts';
import { startTestUpstream } from '../support/test-upstream.ts';

type Opened = {
  readonly gateway: TestGateway;
  readonly patch: (rules: object) => Promise<void>;
  readonly control: OpenControl;
};

/** A room, what an operator may change of it, and the site behind it. */
async function openRoom(rules: unknown): Promise<Opened> {
  const redisUrl = await privateRedis();
  const upstream = await startTestUpstream('the site');
  const control = await openControl(redisUrl);
  const gateway = await startGateway({ redisUrl, roomName: uniqueRoom(), rules, upstream: upstream.origin });
  await until(() => control.rooms.get(gateway.room.name) !== undefined);
  const patch = async (body: object): Promise<void> => {
    const changed = await control.call('PATCH', `/api/rooms/${gateway.room.name}`, { body });
    expect(changed.status).toBe(200);
    await until(() => gateway.room.version >= changed.body.version);
  };
  return { gateway, patch, control };
}

const nobody = { admission: { ratePerMinute: 0, capacity: 1 }, queue: { alwaysOn: true } };
/** As a browser goes to an address; `fetch` would say that it is a script's request. */
const visit = (address: string, cookie = '') =>
  request(address, { headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate', cookie } });

it('pass-through: lets everybody in without rate or capacity, and counts the visits', async () => {
  const { gateway, control } = await openRoom({
    ...nobody,
    queue: { method: 'passthrough', alwaysOn: true },
  });
  for (let visitor = 0; visitor < 5; visitor += 1) {
    const home = await visit(`${gateway.origin}/`);
    const enter = String(home.headers['location']);
    expect(home.statusCode).toBe(302);
    expect(enter).toContain(`/_ropeline/rooms/${gateway.room.name}/enter`);
    const entered = await visit(gateway.origin + enter, 'ropeline_test=1');
    expect(entered.headers['location']).toBe('/');
    const entry = [entered.headers['set-cookie'] ?? []]
      .flat()
      .find((text) => text.startsWith('ropeline_entry_'));
    const inside = await visit(`${gateway.origin}/`, entry?.split(';')[0]);
    expect(await inside.body.text()).toBe('the site');
  }
  const { body } = await control.call('GET', `/api/rooms/${gateway.room.name}/stats`);
  expect(body).toMatchObject({ active: 5, totals: { joined: 5, claimed: 5 } });
});

it('pass-through: hands requests without an entry to the site unless they are visits, and takes joins at once', async () => {
  const { gateway, patch } = await openRoom({ ...nobody, queue: { method: 'passthrough', alwaysOn: true } });
  const api = await fetch(`${gateway.origin}/api/offers`, { method: 'POST' });
  expect(await api.text()).toBe('the site');
  expect((await join(gateway)).status.state).toBe('admitted');
  await patch({ queue: { method: 'fifo' } });
  expect((await fetch(`${gateway.origin}/api/offers`, { method: 'POST' })).status).toBe(401);
});

it('pass-through: obeys the schedule and the operator’s flags, as every room does', async () => {
  const { gateway, control } = await openRoom({ queue: { method: 'passthrough' } });
  const act = (action: string) => control.call('POST', `/api/rooms/${gateway.room.name}/${action}`);
  await act('pause');
  await until(() => gateway.room.state === 'paused');
  expect((await join(gateway)).status).toMatchObject({ state: 'waiting', reason: 'paused' });
  expect((await fetch(`${gateway.origin}/api`)).status).toBe(401);
  await act('close');
  await until(() => gateway.room.state === 'closed');
  expect((await join(gateway)).status.code).toBe('room-closed');
});

it('a switch to pass-through lets in who waits, in their order; back again keeps the others’ places', async () => {
  const { gateway, patch } = await openRoom(nobody);
  const waiting = [];
  for (let i = 0; i < 4; i += 1) waiting.push((await join(gateway)).status);
  expect(waiting.map(({ state }) => state)).toEqual(['waiting', 'waiting', 'waiting', 'waiting']);
  await patch({ queue: { method: 'passthrough' } });
  const turns = [];
  for (const { place = '', visitor } of waiting) {
    await until(async () => (await statusOf(gateway, place)).status.state === 'admitted');
    turns.push(await gateway.open.redis.hget(gateway.room.cursor.keys.turns, visitor));
  }
  expect(turns.map((turn) => Number(turn?.split(':')[0]))).toEqual([1, 2, 3, 4]);
  await patch({ queue: { method: 'fifo' } });
  const after = (await join(gateway)).status;
  expect(after.state).toBe('waiting');
  // Four are inside and one fits: nobody is let in until that is so again.
  expect((await statusOf(gateway, after.place ?? '')).status.state).toBe('waiting');
});

it('reject: joins get 409, who waits is told that it is over, sessions go on', async () => {
  const { gateway, patch } = await openRoom({ admission: { ratePerMinute: 6_000, capacity: 1 } });
  const inside = (await join(gateway)).status;
  const { entryToken } = await until(async () => {
    const claim = await fetch(`${gateway.origin}/_ropeline/rooms/${gateway.room.name}/claim`, {
      method: 'POST',
      headers: { authorization: `Bearer ${inside.place}` },
    });
    return claim.status === 200 && ((await claim.json()) as { entryToken: string });
  });
  const waits = (await join(gateway)).status;
  const live = openLive(gateway.origin, gateway.room.name, waits.place);
  expect(await live.first('status')).toMatchObject({ state: 'waiting' });
  await patch({ queue: { method: 'reject' } });
  expect((await publicState(gateway)).state).toBe('closed');
  expect(await join(gateway)).toMatchObject({ code: 409, status: { code: 'room-closed' } });
  expect((await live.closed).code).toBe(4503);
  expect(live.messages.findLast(({ type }) => type === 'status')).toMatchObject({
    state: 'rejected',
    reason: 'closed',
  });
  const used = await fetch(`${gateway.origin}/`, { headers: { 'x-ropeline-entry': entryToken } });
  expect(await used.text()).toBe('the site');
  await patch({ queue: { method: 'fifo' } });
  expect((await statusOf(gateway, waits.place ?? '')).status).toMatchObject({ state: 'rejected' });
  expect((await join(gateway)).status.state).toBe('waiting');
});

it('a lottery that becomes fifo before its opening still draws who has joined; later ones stand behind', async () => {
  const { gateway, patch } = await openRoom(lotteryRules(nobody));
  const drawn = [];
  for (let i = 0; i < 6; i += 1) drawn.push((await join(gateway)).status.visitor);
  await patch({ queue: { method: 'fifo' } });
  const late = [];
  for (let i = 0; i < 2; i += 1) late.push((await join(gateway)).status.visitor);
  await openNow(gateway);
  const { seed } = await drawMade(gateway);
  const { redis } = gateway.open;
  expect(await redis.zrange(gateway.room.cursor.keys.queue('standard'), '0', '-1')).toEqual([
    ...placesBySeed(seed, drawn),
    ...late,
  ]);
});

it('fifo that becomes a lottery keeps the places it gave, behind those who are drawn', async () => {
  const { gateway, patch, control } = await openRoom(nobody);
  const first = (await join(gateway)).status;
  expect(first.position).toBe(1);
  await patch({ queue: { method: 'lottery' } });
  expect((await publicState(gateway)).state).toBe('prequeue');
  const drawn = [(await join(gateway)).status, (await join(gateway)).status];
  for (const { place = '' } of [first, ...drawn]) {
    expect((await statusOf(gateway, place)).status).toMatchObject({ state: 'scheduled', position: null });
  }
  // A lottery without a schedule opens at the operator's word.
  await control.call('POST', `/api/rooms/${gateway.room.name}/open`);
  const { seed } = await drawMade(gateway);
  const order = placesBySeed(
    seed,
    drawn.map(({ visitor }) => visitor),
  );
  expect(await gateway.open.redis.zrange(gateway.room.cursor.keys.queue('standard'), '0', '-1')).toEqual([
    ...order,
    first.visitor,
  ]);
});
