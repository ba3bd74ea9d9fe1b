import type { Status } from '@ropeline/core/protocol/status.ts';
import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import { openLive } from '../support/live-client.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const rules = {
  queue: { alwaysOn: true },
  admission: { ratePerMinute: 0 },
  presence: { graceSeconds: 5, leaseSeconds: 10 },
};

async function join(gateway: TestGateway): Promise<{ ticket: string; visitor: string }> {
  const answer = await fetch(`${gateway.origin}/_ropeline/rooms/${gateway.room.name}/join`, {
    method: 'POST',
  });
  const status = (await answer.json()) as Status;
  return { ticket: status.place as string, visitor: status.visitor };
}

async function presenceOf(gateway: TestGateway): Promise<string[]> {
  return gateway.open.redis.zrangebyscore(gateway.room.cursor.keys.presence, '-inf', '+inf');
}

test('a visitor on an open socket has no lease; losing the socket gives one, and grace later the place is away', async () => {
  const gateway = await startGateway({ rules });
  const { ticket, visitor } = await join(gateway);
  expect(await presenceOf(gateway)).toEqual([visitor]);
  const client = openLive(gateway.origin, gateway.room.name, ticket);
  await client.first('status');
  await until(async () => (await presenceOf(gateway)).length === 0);
  client.socket.terminate();
  await until(async () => (await presenceOf(gateway)).length === 1);
  await until(() => gateway.room.roster.get(visitor)?.state === 'abandoned');
  expect(await gateway.open.redis.zcard(gateway.room.cursor.keys.queue('standard'))).toBe(0);

  const again = openLive(gateway.origin, gateway.room.name, ticket);
  await until(() => gateway.room.roster.get(visitor)?.state === 'waiting');
  expect(await again.first('status')).toMatchObject({ visitor });
  expect(await gateway.open.redis.zcard(gateway.room.cursor.keys.queue('standard'))).toBe(1);
});

test('who is open on one gateway is not struck by a late close on another', async () => {
  const here = await startGateway({ rules });
  const redisUrl = `redis://127.0.0.1:${here.open.redis.options.port}`;
  const there = await startGateway({ redisUrl, roomName: here.room.name });
  const { ticket, visitor } = await join(here);
  const open = openLive(there.origin, there.room.name, ticket);
  await open.first('status');
  await until(async () => (await presenceOf(here)).length === 0);
  const late = { visitor, lane: 0, score: 0 };
  await here.open.engine.mark(here.room.cursor, late, 'grace');
  expect(await presenceOf(here)).toEqual([visitor]);
  await until(async () => (await presenceOf(here)).length === 0);
  expect(await here.open.redis.zcard(here.room.cursor.keys.queue('standard'))).toBe(1);
});

test('the visitors of a dead gateway come under a deadline by a roll call, and those of a living one do not', async () => {
  const living = await startGateway({ rules });
  const held = await join(living);
  await openLive(living.origin, living.room.name, held.ticket).first('status');
  const lost = await join(living);
  // As if a gateway that held it had been killed: no lease of the visitor, a lease of the gateway that runs out.
  const { presence, holders } = living.room.cursor.keys;
  await living.open.redis.zrem(presence, lost.visitor);
  await living.open.redis.zadd(holders, Date.now() - 1, 'a-dead-gateway');
  await until(() => living.room.roster.get(lost.visitor)?.state === 'abandoned');
  expect(living.room.roster.get(held.visitor)?.state).toBe('waiting');
});

test('who lost the network comes back while the old socket still hangs, stands where they stood, and its end changes nothing', async () => {
  const gateway = await startGateway({ rules });
  const { origin, open, plane, room } = gateway;
  const proxy = await startTcpProxy(Number(new URL(origin).port));
  const { ticket, visitor } = await join(gateway);
  const hanging = openLive(`http://127.0.0.1:${proxy.port}`, room.name, ticket);
  await hanging.first('status');
  expect(proxy.swallow(() => true)).toBe(1);
  await join(gateway);
  const again = openLive(origin, room.name, ticket);
  expect(await again.first('status')).toMatchObject({ visitor, state: 'waiting', position: 1 });
  await until(async () => !(await presenceOf(gateway)).includes(visitor));
  expect(plane.server.sockets).toBe(2);
  hanging.socket.terminate();
  proxy.cut();
  await until(() => plane.server.sockets === 1);
  // What the end had to tell Redis would have gone before this.
  const place = { visitor, lane: 0, score: 0 };
  expect(await open.engine.lookUp(room.cursor, place)).toMatchObject({ state: 'waiting', rank: 0 });
  expect(await presenceOf(gateway)).not.toContain(visitor);
});
