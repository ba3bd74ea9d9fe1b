import { expect, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { ask } from '../../src/queue/ask.ts';
import { at, type CrowdVisitor, entriesOf, gather, turnOf } from '../support/crowd.ts';
import type { Happening } from '../support/happenings.ts';
import { judgeAdmissions } from '../support/judge-admissions.ts';
import { type FallibleRedis, startFallibleRedis, type WayOfGoing, waysOfGoing } from '../support/outage.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';

const windowSeconds = 60;
const visitors = 200;

type Scene = {
  readonly redis: FallibleRedis;
  readonly how: WayOfGoing;
  readonly gateways: readonly TestGateway[];
  readonly crowd: readonly CrowdVisitor[];
  /** Unix ms before Redis went, and when both gateways knew. */
  readonly wentAt: number;
  readonly awayAt: number;
};

/** Two gateways, a crowd of sockets and pollers that is being let in, and Redis goes away. */
async function redisGoes(how: WayOfGoing, rules: Record<string, unknown>): Promise<Scene> {
  const redis = await startFallibleRedis();
  const all = {
    queue: { alwaysOn: true },
    admission: { ratePerMinute: 0, capacity: 10_000 },
    claim: { windowSeconds },
    presence: { graceSeconds: 600, leaseSeconds: 600 },
    ...rules,
  };
  const options = { redisUrl: redis.url, roomName: uniqueRoom(), rules: all };
  const gateways = [await startGateway(options), await startGateway(options)];
  for (const { open } of gateways) await until(() => open.rooms.link.gateways === 2);
  const crowd = await gather(gateways, visitors, 5);
  // Not before: however long it took to gather, most of them still wait when Redis goes.
  await setRate(gateways[0] as TestGateway, 600);
  await until(
    () =>
      inside(crowd).length > 2 && gateways.every(({ room }) => room.rules.admission.ratePerMinute === 600),
  );
  const wentAt = Date.now();
  await redis.goAway(how);
  for (const { room } of gateways) await until(() => room.state === 'redis-away');
  return { redis, how, gateways, crowd, wentAt, awayAt: Date.now() };
}

function inside(crowd: readonly CrowdVisitor[]): readonly CrowdVisitor[] {
  return crowd.filter(({ entries }) => entries.length > 0);
}

/** Redis comes back, the gateways find it by themselves, and what they and Redis know is the same. */
async function redisComesBack({ redis, how, gateways, crowd }: Scene): Promise<void> {
  const epochs = gateways.map(({ room }) => room.cursor.epochId);
  await redis.comeBack();
  for (const [i, { room }] of gateways.entries()) {
    const isKnown = (): boolean => how === 'hung' || room.cursor.epochId !== epochs[i];
    await until(() => room.state === 'open' && isKnown());
  }
  const [first] = gateways as [TestGateway];
  const before = inside(crowd).length;
  await until(() => inside(crowd).length >= Math.min(before + 3, visitors));
  await setRate(first, 0);
  const { room, open } = first;
  const counted = await until(async () => {
    const { admitted, active, lanes } = await open.engine.read(room.name, room.cursor.lanes);
    return admitted === 0 && active === inside(crowd).length ? { active, waiting: lanes[0]?.waiting } : false;
  });
  expect(counted).toEqual({ active: inside(crowd).length, waiting: visitors - inside(crowd).length });
  for (const visitor of crowd) expect(entriesOf(visitor).length).toBeLessThanOrEqual(1);
  await setRate(first, 600);
  await until(() => inside(crowd).length >= Math.min(counted.active + 3, visitors));
}

async function setRate({ room, open }: TestGateway, ratePerMinute: number): Promise<void> {
  const change = { author: 'test', action: 'patch', reason: '', expectedVersion: 0 };
  await ask(room, () =>
    open.engine.change(room.cursor, {
      ...change,
      fields: [['admission.ratePerMinute', String(ratePerMinute)]],
    }),
  );
}

async function everybodyIsTold({ crowd }: Scene): Promise<void> {
  // Of a poller whose turn has come the turn is told.
  await until(() => crowd.every(({ told, turns }) => told.includes('redis-away') || turns.length > 0));
}

async function publicState(gateway: TestGateway): Promise<unknown> {
  return (await fetch(at(gateway, ''))).json();
}

/** Who was let in by a gateway itself; Redis never counts its turns so far. */
function letInBy(gateway: TestGateway, { crowd }: Scene): readonly CrowdVisitor[] {
  return inside(crowd).filter(
    (visitor) => visitor.gateway === gateway && turnOf(entriesOf(visitor)[0] ?? '') >= 2 ** 50,
  );
}

/** What a gateway did with those whom it knew while Redis was away, for a judge who knows its share and nothing else. */
function letInWithoutRedis(gateway: TestGateway, scene: Scene): readonly Happening[] {
  const { crowd, wentAt, awayAt } = scene;
  const admittedAt = ({ turns }: CrowdVisitor): number => (turns[0] ?? Infinity) - windowSeconds * 1_000;
  const own = letInBy(gateway, scene);
  const waited = crowd.filter(
    (visitor) => visitor.gateway === gateway && (own.includes(visitor) || admittedAt(visitor) > awayAt),
  );
  const admitted = own.map((visitor) => ({
    type: 'admitted' as const,
    at: admittedAt(visitor),
    visitor: visitor.id,
    turn: turnOf(entriesOf(visitor)[0] ?? ''),
  }));
  return [
    { type: 'rules', at: wentAt, ratePerMinute: 300, burst: 0, capacity: 5_000 },
    ...waited.map(
      ({ id, score }): Happening => ({ type: 'waits', at: wentAt, visitor: id, lane: '', score }),
    ),
    ...admitted.sort((one, other) => one.turn - other.turn),
  ];
}

async function closed(how: WayOfGoing): Promise<void> {
  const scene = await redisGoes(how, {});
  await everybodyIsTold(scene);
  // Who was answered by Redis before it went has come in.
  const isSilent = (ms: number): boolean =>
    scene.gateways.every(({ open }) => Date.now() - open.rooms.link.answeredAt > ms);
  await until(() => isSilent(1_000) && scene.crowd.every(({ isClaiming }) => !isClaiming));
  const before = inside(scene.crowd).length;
  for (const gateway of scene.gateways) {
    expect(await publicState(gateway)).toMatchObject({ state: 'redis-away', onFailure: 'closed' });
    const joined = await fetch(at(gateway, '/join'), { method: 'POST' });
    expect(joined.status).toBe(503);
    expect(joined.headers.get('retry-after')).not.toBeNull();
  }
  // Longer than a room that goes on without Redis waits before it does.
  await until(() => isSilent(4_000));
  expect(inside(scene.crowd).length).toBe(before);
  await redisComesBack(scene);
}

async function degraded(how: WayOfGoing): Promise<void> {
  const scene = await redisGoes(how, { onFailure: 'degraded' });
  await everybodyIsTold(scene);
  for (const gateway of scene.gateways) {
    expect(await publicState(gateway)).toMatchObject({ state: 'redis-away', onFailure: 'degraded' });
    await until(() => letInBy(gateway, scene).length >= 10);
  }
  await redisComesBack(scene);
  for (const gateway of scene.gateways)
    expect(judgeAdmissions(letInWithoutRedis(gateway, scene))).toEqual([]);
}

async function open(how: WayOfGoing): Promise<void> {
  const scene = await redisGoes(how, { onFailure: 'open' });
  for (const gateway of scene.gateways) {
    expect(await publicState(gateway)).toMatchObject({ state: 'redis-away', onFailure: 'open' });
  }
  await until(() => inside(scene.crowd).length === visitors);
  await redisComesBack(scene);
}

// Side by side, each with a Redis of its own: most of the time is waiting for what is counted in seconds.
test.each(waysOfGoing)(
  'while Redis is %s closed lets nobody in, degraded keeps each gateway to its share in order, open lets everybody in, and then Redis is told and all goes on',
  async (how) => {
    await Promise.all([closed(how), degraded(how), open(how)]);
  },
);
