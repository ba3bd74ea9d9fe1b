import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Entry, PublicRoom, Status } from '@ropeline/core/protocol/status.ts';
import { decodeJwt } from 'jose';
import { expect, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { at, bearer, type CrowdVisitor, joinAt, turnOf } from '../support/crowd.ts';
import { type FallibleRedis, startFallibleRedis } from '../support/outage.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';
import { startTestUpstream } from '../support/test-upstream.ts';

type Scene = { readonly redis: FallibleRedis; readonly gateways: readonly [TestGateway, TestGateway] };

const navigation = { 'sec-fetch-mode': 'navigate', accept: 'text/html' };

async function startTwo(rules: Record<string, unknown>, upstream?: string): Promise<Scene> {
  const redis = await startFallibleRedis();
  const options = { redisUrl: redis.url, roomName: uniqueRoom(), rules };
  const more = upstream === undefined ? {} : { upstream };
  const gateways = [
    await startGateway({ ...options, ...more }),
    await startGateway({ ...options, ...more }),
  ] as const;
  for (const { open } of gateways) await until(() => open.rooms.link.gateways === 2);
  return { redis, gateways };
}

async function redisHangs({ redis, gateways }: Scene): Promise<void> {
  await redis.goAway('hung');
  for (const { room } of gateways)
    await until(() => room.state === 'redis-away' && (room.outage.isOn || room.rules.onFailure === 'closed'));
}

async function redisGoesOn({ redis, gateways }: Scene): Promise<void> {
  await redis.comeBack();
  for (const { room } of gateways) await until(() => room.state === 'open');
}

async function statusAt(gateway: TestGateway, ticket: string): Promise<Status> {
  return (await (await fetch(at(gateway, '/status'), bearer(ticket))).json()) as Status;
}

type Answer = {
  readonly status: number;
  readonly location: string;
  readonly text: string;
  readonly cookies: string[];
};

/** As a browser navigates: `fetch` would say `Sec-Fetch-Mode: cors`. */
async function go(url: string, cookies: readonly string[] = []): Promise<Answer> {
  const sent = request(url, { headers: { ...navigation, cookie: cookies.join('; ') } }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const { statusCode = 0, headers } = answer;
  const kept = (headers['set-cookie'] ?? []).map((cookie) => cookie.split(';')[0] ?? '');
  return { status: statusCode, location: headers.location ?? '', text: await text(answer), cookies: kept };
}

const waiting = {
  queue: { alwaysOn: true },
  admission: { ratePerMinute: 0 },
  presence: { graceSeconds: 600, leaseSeconds: 600 },
};

test('closed: a browser at the way in is led to a page that says so and asks again without scripts', async () => {
  const scene = await startTwo({ ...waiting, admission: { ratePerMinute: 6_000 } });
  const [gateway] = scene.gateways;
  const turn = await joinAt(gateway);
  await until(async () => (await statusAt(gateway, turn.ticket)).state === 'admitted');
  await redisHangs(scene);
  for (const cookies of [[`ropeline_place=${turn.ticket}`], [], ['ropeline_test=1']]) {
    const answer = await go(at(gateway, '/enter?to=%2Fx'), cookies);
    expect([answer.status, answer.location]).toEqual([
      303,
      `/_ropeline/rooms/${gateway.room.name}/page?to=%2Fx`,
    ]);
    const page = await go(new URL(answer.location, gateway.origin).href, cookies);
    expect(page.status).toBe(200);
    expect(page.text).toMatch(/http-equiv="refresh"/);
  }
  const page = await go(at(gateway, '/page?to=%2Fx'), [`ropeline_place=${turn.ticket}`]);
  expect(page.text).toMatch(/lost touch.*tries again by itself/s);
  await redisGoesOn(scene);
  const entered = await go(at(gateway, '/enter?to=%2Fx'), [`ropeline_place=${turn.ticket}`]);
  expect([entered.status, entered.location]).toEqual([303, '/x']);
});

test('degraded: newcomers stand behind all, keep the place when Redis is back, at any gateway, and later ones stand behind them', async () => {
  const scene = await startTwo({ ...waiting, onFailure: 'degraded' });
  const [here, there] = scene.gateways;
  const before = [await joinAt(here), await joinAt(there)];
  await redisHangs(scene);
  const newcomers = [await joinAt(here), await joinAt(there), await joinAt(here)];
  for (const { ticket } of [...before, ...newcomers]) {
    expect(await statusAt(here, ticket)).toMatchObject({ state: 'waiting', reason: 'redis-away' });
  }
  await redisGoesOn(scene);
  const late = await joinAt(there);
  const all = [...before, ...newcomers, late];
  const positions = await until(async () => {
    const found = await Promise.all(all.map(({ ticket }, i) => statusAt(i % 2 === 0 ? there : here, ticket)));
    expect(found.map(({ visitor, state }) => [visitor, state])).toEqual(all.map(({ id }) => [id, 'waiting']));
    const numbers = found.map(({ position }) => position ?? 0);
    return numbers.toSorted().join() === '1,2,3,4,5,6' && numbers;
  });
  // Between gateways the order of newcomers is as good as what each knows of the clock of Redis.
  const [first = 0, second, third = 0, , fifth = 0, last] = positions;
  expect([first, second, last]).toEqual([1, 2, 6]);
  expect(third).toBeLessThan(fifth);
});

test('degraded: a gateway lets in no more than its share of the capacity that was left, and a lapsed turn is given on', async () => {
  const scene = await startTwo({
    queue: { alwaysOn: true },
    admission: { ratePerMinute: 60_000, capacity: 7 },
    claim: { windowSeconds: 15 },
    presence: { leaseSeconds: 600 },
    onFailure: 'degraded',
  });
  const [here, there] = scene.gateways;
  const first = await joinAt(here);
  await until(async () => (await fetch(at(here, '/claim'), { method: 'POST', ...bearer(first.ticket) })).ok);
  for (const { room } of scene.gateways) await until(() => room.insideAt(room.cursor.now()) === 1);
  await redisHangs(scene);
  // Six are left for two gateways.
  const crowd: CrowdVisitor[] = [];
  for (let i = 0; i < 6; i += 1) crowd.push(await joinAt(here));
  const states = async (): Promise<string[]> =>
    Promise.all(crowd.map(async ({ ticket }) => (await statusAt(here, ticket)).state));
  await until(async () => (await states()).filter((state) => state === 'admitted').length === 3);
  expect(await states()).toEqual(['admitted', 'admitted', 'admitted', 'waiting', 'waiting', 'waiting']);
  const claimed = await fetch(at(here, '/claim'), { method: 'POST', ...bearer(crowd[0]?.ticket ?? '') });
  expect(claimed.status).toBe(200);
  await until(async () => {
    const [one, ...others] = await states();
    expect(one).toBe('active');
    return others.join() === 'lapsed,lapsed,admitted,admitted,waiting';
  });
  expect(there.room.outage.isOn).toBe(true);
});

test('a room that is paused or closed lets nobody in while Redis is away, whatever it does on failure', async () => {
  for (const onFailure of ['degraded', 'open']) {
    const scene = await startTwo({
      queue: { alwaysOn: true },
      admission: { ratePerMinute: 60_000 },
      onFailure,
    });
    const [here, there] = scene.gateways;
    await here.open.engine.change(here.room.cursor, {
      ...{ author: 'test', action: 'pause', reason: '', expectedVersion: 0 },
      fields: [['flag.paused', '1']],
    });
    for (const { room } of scene.gateways) await until(() => room.state === 'paused');
    const waits = await joinAt(here);
    await redisHangs(scene);
    const newcomer = await joinAt(there);
    const since = Date.now();
    await until(() => Date.now() - since > 300);
    expect((await statusAt(here, waits.ticket)).state).toBe('waiting');
    expect((await statusAt(there, newcomer.ticket)).state).toBe('waiting');
    expect((await go(`${here.origin}/x`)).location).toMatch(/\/page\?/);
    await scene.redis.comeBack();
    for (const { room } of scene.gateways) await until(() => room.state === 'paused');
  }
});

test('open: a browser passes through enter, a program joins and claims, and their sessions renew and end as others do', async () => {
  const upstream = await startTestUpstream('the site');
  const scene = await startTwo(
    { ...waiting, session: { ttlSeconds: 600, renew: true }, onFailure: 'open' },
    upstream.origin,
  );
  const [here, there] = scene.gateways;
  await redisHangs(scene);
  const publicRoom = (await (await fetch(at(here, ''))).json()) as PublicRoom;
  expect(publicRoom).toMatchObject({ state: 'redis-away', onFailure: 'open' });

  const sent = await go(`${here.origin}/x`);
  const tested = await go(new URL(sent.location, here.origin).href);
  const again = new URL(tested.location, here.origin).href;
  const entered = await go(again, tested.cookies);
  expect([entered.status, entered.location]).toEqual([303, '/x']);
  const passed = await go(`${here.origin}/x`, entered.cookies);
  expect(passed.text).toBe('the site');
  // As in a pass-through room, a program that knows nothing of queues is let be.
  expect((await fetch(`${here.origin}/x`)).status).toBe(200);

  const program = await joinAt(there);
  const claim = await fetch(at(there, '/claim'), { method: 'POST', ...bearer(program.ticket) });
  const { entryToken, expiresAt } = (await claim.json()) as Entry;
  const use = (gateway: TestGateway, token: string): Promise<Response> =>
    fetch(`${gateway.origin}/y`, { headers: { 'x-ropeline-entry': token } });
  expect((await use(here, entryToken)).status).toBe(200);

  await redisGoesOn(scene);
  expect((await fetch(`${here.origin}/x`)).status).toBe(401);
  const { active, admitted } = await here.open.engine.read(here.room.name, here.room.cursor.lanes);
  expect([active, admitted]).toEqual([2, 0]);
  // What is left of a session is less than half of one from now on.
  await here.open.engine.change(here.room.cursor, {
    ...{ author: 'test', action: 'patch', reason: '', expectedVersion: 0 },
    fields: [['session.ttlSeconds', '3600']],
  });
  const renewed = await until(async () => {
    const answer = await use(here, entryToken);
    expect(answer.status).toBe(200);
    return answer.headers.get('x-ropeline-entry') ?? undefined;
  });
  expect(renewed).not.toBe(entryToken);
  expect((await use(there, renewed)).status).toBe(200);
  expect((await statusAt(there, program.ticket)).state).toBe('active');
  expect(expiresAt).toBeGreaterThan(0);
  expect((await fetch(at(here, '/place'), { method: 'DELETE', ...bearer(program.ticket) })).status).toBe(204);
  for (const gateway of scene.gateways) await until(async () => (await use(gateway, renewed)).status === 401);
});

test('entries that were given without Redis end with the run, and have numbers that Redis never gives', async () => {
  const upstream = await startTestUpstream('the site');
  const scene = await startTwo({ ...waiting, onFailure: 'open' }, upstream.origin);
  const [here, there] = scene.gateways;
  await redisHangs(scene);
  const visitor = await joinAt(here);
  const claim = await fetch(at(here, '/claim'), { method: 'POST', ...bearer(visitor.ticket) });
  const { entryToken } = (await claim.json()) as Entry;
  expect(turnOf(decodeJwt(entryToken).jti ?? '')).toBeGreaterThanOrEqual(2 ** 50);
  const use = async ({ origin }: TestGateway): Promise<number> =>
    (await fetch(`${origin}/x`, { headers: { 'x-ropeline-entry': entryToken } })).status;
  expect(await use(here)).toBe(200);
  await redisGoesOn(scene);
  expect(await use(there)).toBe(200);
  await here.open.engine.reset(here.room.cursor, 'test', '');
  for (const gateway of scene.gateways) await until(async () => (await use(gateway)) === 401);
});
