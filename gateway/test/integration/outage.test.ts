import { expect, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { ask } from '../../src/queue/visits.ts';
import { at, type CrowdVisitor, entriesOf, gather, turnOf } from '../support/crowd.ts';
import type { Happening } from '../support/happenings.ts';
import { judgeAdmissions } from '../support/judge-admissions.ts';
import { type FallibleRedis, startFallibleRedis, type WayOfGoing, waysOfGoing } from '../support/outage.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';

const windowSeconds = 60;
const visitors = 200;
/** A Redis that was started anew may have lost its last moment: there is a settling time of ten seconds. */
const longestReturnMs = 25_000;

type Scene = {
  readonly redis: FallibleRedis;
  readonly how: WayOfGoing;
  readonly gateways: readonly TestGateway[];
  readonly crowd: readonly CrowdVisitor[];
  /** Unix ms at which Redis went. */
  readonly wentAt: number;
};

/** Two gateways, a crowd of sockets and pollers that is being let in, and Redis goes away. */
async function redisGoes(how: WayOfGoing, rules: Record<string, unknown>): Promise<Scene> {
  const redis = await startFallibleRedis();
  const all = {
    queue: { alwaysOn: true },
    admission: { ratePerMinute: 600, capacity: 10_000 },
    claim: { windowSeconds },
    ...rules,
  };
  const options = { redisUrl: redis.url, roomName: uniqueRoom(), rules: all };
  const gateways = [await startGateway(options), await startGateway(options)];
  for (const { open } of gateways) await until(() => open.rooms.link.gateways === 2);
  const crowd = await gather(gateways, visitors, 5);
  await until(() => inside(crowd).length > 2);
  const wentAt = Date.now();
  await redis.goAway(how);
  for (const { room } of gateways) await until(() => room.state === 'redis-away');
  return { redis, how, gateways, crowd, wentAt };
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
    await until(() => room.state === 'open' && isKnown(), longestReturnMs);
  }
  const [first] = gateways as [TestGateway];
  const before = inside(crowd).length;
  if (before < visitors) await until(() => inside(crowd).length > before + 2);
  await setRate(first, 0);
  const { room, open } = first;
  const counted = await until(async () => {
    const { admitted, active, lanes } = await open.engine.read(room.name, room.cursor.lanes);
    return admitted === 0 && active === inside(crowd).length ? { active, waiting: lanes[0]?.waiting } : false;
  });
  expect(counted).toEqual({ active: inside(crowd).length, waiting: visitors - inside(crowd).length });
  for (const visitor of crowd) expect(entriesOf(visitor).length).toBeLessThanOrEqual(1);
  await setRate(first, 600);
  if (counted.active < visitors) await until(() => inside(crowd).length > counted.active + 2);
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
  const { crowd, wentAt } = scene;
  const admittedAt = ({ turns }: CrowdVisitor): number => (turns[0] ?? Infinity) - windowSeconds * 1_000;
  const waited = crowd.filter((visitor) => visitor.gateway === gateway && admittedAt(visitor) > wentAt);
  const admitted = letInBy(gateway, scene).map((visitor) => ({
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

test.each(waysOfGoing)(
  'closed: while Redis is %s nobody is let in, and then all goes on',
  async (how) => {
    const scene = await redisGoes(how, {});
    await everybodyIsTold(scene);
    const before = inside(scene.crowd).length;
    for (const gateway of scene.gateways) {
      expect(await publicState(gateway)).toMatchObject({ state: 'redis-away', onFailure: 'closed' });
      const joined = await fetch(at(gateway, '/join'), { method: 'POST' });
      expect(joined.status).toBe(503);
      expect(joined.headers.get('retry-after')).not.toBeNull();
    }
    // Longer than a room that goes on without Redis waits before it does.
    await until(() => scene.gateways.every(({ open }) => Date.now() - open.rooms.link.answeredAt > 3_000));
    expect(inside(scene.crowd).length).toBe(before);
    await redisComesBack(scene);
  },
  60_000,
);

test.each(waysOfGoing)(
  'degraded: while Redis is %s each gateway keeps to its share of the rate, in order, and tells Redis later',
  async (how) => {
    const scene = await redisGoes(how, { onFailure: 'degraded' });
    await everybodyIsTold(scene);
    for (const gateway of scene.gateways) {
      expect(await publicState(gateway)).toMatchObject({ state: 'redis-away', onFailure: 'degraded' });
      await until(() => letInBy(gateway, scene).length >= 10);
    }
    await redisComesBack(scene);
    for (const gateway of scene.gateways)
      expect(judgeAdmissions(letInWithoutRedis(gateway, scene))).toEqual([]);
  },
  60_000,
);

test.each(waysOfGoing)(
  'open: while Redis is %s everybody is let in, and Redis is told later',
  async (how) => {
    const scene = await redisGoes(how, { onFailure: 'open' });
    for (const gateway of scene.gateways) {
      expect(await publicState(gateway)).toMatchObject({ state: 'redis-away', onFailure: 'open' });
    }
    await until(() => inside(scene.crowd).length === visitors);
    await redisComesBack(scene);
  },
  60_000,
);
