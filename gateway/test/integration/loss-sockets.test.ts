import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import { openLive } from '../support/live-client.ts';
import { ownRedis } from '../support/losing-redis.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';

type Told = { readonly visitor: string; readonly place: string; readonly position: number | null };

async function call({ origin, room }: TestGateway, path: string, place?: string): Promise<Response> {
  const headers: Record<string, string> = place === undefined ? {} : { authorization: `Bearer ${place}` };
  const method = path === 'join' ? 'POST' : 'GET';
  return fetch(`${origin}/_ropeline/rooms/${room.name}/${path}`, { method, headers });
}

async function join(gateway: TestGateway): Promise<Told> {
  return (await (await call(gateway, 'join')).json()) as Told;
}

test('sockets stay open through the loss of everything, get fresh tickets, and polls find their places', async () => {
  const redis = await ownRedis();
  const presence = { graceSeconds: 600, leaseSeconds: 600 };
  const rules = { admission: { ratePerMinute: 0 }, queue: { alwaysOn: true }, presence };
  const one = await startGateway({ redisUrl: redis.url, rules });
  const two = await startGateway({ redisUrl: redis.url, rules, roomName: one.room.name });
  const visitors: { readonly told: Told; readonly live: ReturnType<typeof openLive> | undefined }[] = [];
  for (let i = 0; i < 12; i += 1) {
    const gateway = i % 2 === 0 ? one : two;
    const told = await join(gateway);
    const live = i % 3 === 0 ? undefined : openLive(gateway.origin, gateway.room.name, told.place);
    await live?.first('status');
    visitors.push({ told, live });
  }
  const closed: unknown[] = [];
  for (const { live } of visitors) void live?.closed.then((close) => closed.push(close));

  await one.open.redis.flushall();
  const newcomer = await join(two);
  const fresh = await Promise.all(
    visitors.map(async ({ told, live }, i) => {
      if (live === undefined) {
        const answer = await call(i % 2 === 0 ? two : one, 'status', told.place);
        return (await answer.json()) as Told & { readonly reason: string };
      }
      return until(() =>
        live.messages
          .flatMap((message) => (message.type === 'status' && message.place ? [message] : []))
          .at(-1),
      );
    }),
  );
  expect(closed).toEqual([]);
  expect(fresh.map(({ visitor }) => visitor)).toEqual(visitors.map(({ told }) => told.visitor));
  expect(fresh.map(({ reason }) => reason)).toEqual(fresh.map(() => 'recovering'));
  const { keys } = one.room.cursor;
  await until(async () => (await one.open.redis.zcard(keys.queue('standard'))) === 13);
  expect(await one.open.redis.zrange(keys.queue('standard'), '0', '-1')).toEqual([
    ...visitors.map(({ told }) => told.visitor),
    newcomer.visitor,
  ]);
  // The fresh ticket is one of the new epoch, so any gateway answers it without seating anybody again.
  for (const { place } of fresh) {
    const answer = (await (await call(two, 'status', place)).json()) as Partial<Told>;
    expect(answer.place).toBeUndefined();
  }
});

test('a turn that was given cannot be claimed while the room recovers, and can be afterwards', async () => {
  const redis = await ownRedis();
  const rules = {
    admission: { ratePerMinute: 60_000 },
    queue: { alwaysOn: true },
    claim: { windowSeconds: 600 },
  };
  const one = await startGateway({ redisUrl: redis.url, rules });
  const { visitor, place } = await join(one);
  await until(() => one.room.roster.get(visitor)?.state === 'admitted');
  await one.open.redis.flushall();
  const again = await until(
    async () => ((await (await call(one, 'status', place)).json()) as Partial<Told>).place,
  );
  const claim = (): Promise<Response> =>
    fetch(`${one.origin}/_ropeline/rooms/${one.room.name}/claim`, {
      method: 'POST',
      headers: { authorization: `Bearer ${again}` },
    });
  const refused = await claim();
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).not.toBeNull();
  await until(() => one.room.recoversAt === undefined);
  expect((await claim()).status).toBe(200);
});
