import { expect, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
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
  const roomName = uniqueRoom();
  const options = { redisUrl: redis.url, roomName, rules: all };
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

/** By how many more were let in without Redis at each gateway. */
function letInAt(gateway: TestGateway, { crowd, wentAt }: Scene): readonly CrowdVisitor[] {
  return inside(crowd).filter(
    (visitor) => visitor.gateway === gateway && (visitor.turns[0] ?? 0) - windowSeconds * 1_000 > wentAt,
  );
}

/** Redis comes back, the gateways find it by themselves, and what they and Redis know is the same. */
async function redisComesBack(scene: Scene): Promise<void> {
  const { redis, how, gateways, crowd } = scene;
  const epochs = gateways.map(({ room }) => room.cursor.epochId);
  await redis.comeBack();
  // A Redis that was started anew may have lost its last moment: there is a settling time.
  const mayBe = (epochId: string, i: number): boolean => how === 'hung' || epochId !== epochs[i];
  for (const [i, { room }] of gateways.entries()) {
    await until(() => room.state === 'open' && mayBe(room.cursor.epochId, i), 25_000);
  }
  const [{ room, open }] = gateways as [TestGateway];
  const admissions = async (fields: readonly (readonly [string, string])[]) =>
    open.engine.change(room.cursor, {
      author: 'test',
      action: 'patch',
      reason: '',
      fields,
      expectedVersion: 0,
    });
  const before = inside(crowd).length;
  if (before < visitors) await until(() => inside(crowd).length > before + 2);
  await admissions([['admission.ratePerMinute', '0']]);
  const counted = await until(async () => {
    const { admitted, active, lanes } = await open.engine.read(room.name, room.cursor.lanes);
    return admitted === 0 && active === inside(crowd).length ? { active, waiting: lanes[0]?.waiting } : false;
  });
  expect(counted).toEqual({
    active: inside(crowd).length,
    waiting: visitors - inside(crowd).length,
  });
  for (const visitor of crowd) expect(entriesOf(visitor).length).toBeLessThanOrEqual(1);
  await admissions([['admission.ratePerMinute', '600']]);
  if (counted.active < visitors) await until(() => inside(crowd).length > counted.active + 2);
}

async function publicState(gateway: TestGateway): Promise<unknown> {
  return (await fetch(at(gateway, ''))).json();
}

async function everybodyIsTold({ crowd }: Scene): Promise<void> {
  // Of a poller whose turn has come the turn is told.
  await until(() => crowd.every(({ told, turns }) => told.includes('redis-away') || turns.length > 0));
}

test.each(waysOfGoing)('closed: while Redis is %s nobody is let in, and then all goes on', async (how) => {
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
});

test.each(waysOfGoing)(
  'degraded: while Redis is %s each gateway keeps to its share of the rate, in order, and Redis is told on return',
  async (how) => {
    const scene = await redisGoes(how, { onFailure: 'degraded' });
    await everybodyIsTold(scene);
    const { gateways, crowd, wentAt } = scene;
    for (const gateway of gateways) {
      expect(await publicState(gateway)).toMatchObject({ state: 'redis-away', onFailure: 'degraded' });
      await until(() => letInAt(gateway, scene).length >= 10);
    }
    for (const gateway of gateways) {
      const mine = crowd.filter((visitor) => visitor.gateway === gateway);
      const let_in = letInAt(gateway, scene);
      const waited = mine.filter((visitor) => inside([visitor]).length === 0 || let_in.includes(visitor));
      const history: Happening[] = [
        { type: 'rules', at: wentAt, ratePerMinute: 300, burst: 0, capacity: 5_000 },
        ...waited.map(({ id, score }) => ({
          type: 'waits' as const,
          at: wentAt,
          visitor: id,
          lane: '',
          score,
        })),
        ...let_in
          .map((visitor) => ({
            type: 'admitted' as const,
            at: (visitor.turns[0] ?? 0) - windowSeconds * 1_000,
            visitor: visitor.id,
            turn: turnOf(entriesOf(visitor)[0] ?? ''),
          }))
          .sort((a, b) => a.turn - b.turn),
      ];
      expect(judgeAdmissions(history)).toEqual([]);
    }
    await redisComesBack(scene);
  },
);

test.each(waysOfGoing)(
  'open: while Redis is %s everybody is let in, and Redis is told on return',
  async (how) => {
    const scene = await redisGoes(how, { onFailure: 'open' });
    const { gateways, crowd } = scene;
    for (const gateway of gateways) {
      expect(await publicState(gateway)).toMatchObject({ state: 'redis-away', onFailure: 'open' });
    }
    await until(() => inside(crowd).length === visitors);
    await redisComesBack(scene);
  },
);
