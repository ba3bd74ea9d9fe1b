import type { ServerMessage } from '@ropeline/core/protocol/live.ts';
import type { Status } from '@ropeline/core/protocol/status.ts';
import { PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import { expect, inject, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import type { LiveRoom } from '../../src/queue/live-room.ts';
import { statusOf } from '../../src/queue/numbers/numbers.ts';
import type { Visitor } from '../../src/queue/visitors/roster.ts';
import { Visits } from '../../src/queue/visitors/visits.ts';
import { openLive } from '../support/live-client.ts';
import { createRoom, openRooms } from '../support/open-rooms.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';

type Told = Extract<ServerMessage, { type: 'tick' }>;

const visits = new Visits(new PlaceTickets(['a secret of at least thirty-two bytes']));

async function join(room: LiveRoom): Promise<Visitor> {
  const joined = await visits.join(room, 0, undefined);
  if (joined.refused !== undefined) throw new Error(`refused: ${joined.refused}`);
  return joined.visitor;
}

async function joinOver({ origin, room }: TestGateway, count: number): Promise<Status[]> {
  const all: Status[] = [];
  for (let i = 0; i < count; i += 1) {
    const answer = await fetch(`${origin}/_ropeline/rooms/${room.name}/join`, { method: 'POST' });
    all.push((await answer.json()) as Status);
  }
  return all;
}

async function setRate({ open, room }: TestGateway, perMinute: number): Promise<void> {
  await open.engine.change(room.cursor, {
    author: 'test',
    action: 'patch',
    reason: '',
    expectedVersion: 0,
    fields: [['admission.ratePerMinute', String(perMinute)]],
  });
}

test('a line that forms from idle is estimated by the rate, not by the trickle before it', async () => {
  const open = await openRooms(inject('redisUrl'));
  const room = await createRoom(open, uniqueRoom(), {
    admission: { ratePerMinute: 600, capacity: 10_000 },
    queue: { alwaysOn: true },
  });
  const trickle = await join(room);
  await until(() => trickle.state === 'admitted');
  // One admission in five seconds or more: ten a second would be fifty times that.
  const measured = await until(() => room.waiting === 0 && room.outflow.perSecond(room.cursor.now()));
  expect(measured).toBeLessThan(1);
  const crowd = await Promise.all(Array.from({ length: 200 }, () => join(room)));
  await until(() => room.waiting > 0);
  const waiting = crowd.map((visitor) => statusOf(room, visitor)).filter(({ state }) => state === 'waiting');
  expect(waiting.length).toBeGreaterThan(20);
  for (const { ahead, etaSeconds } of waiting) {
    // Ten a second are let in, and some fewer by a machine that has other things to do.
    expect(etaSeconds?.p50).toBeLessThanOrEqual(Math.ceil(((ahead ?? 0) + 1) / 2));
  }
});

test('a paused room gives no estimate, and the one after it needs no reason', async () => {
  const gateway = await startGateway({ rules: { admission: { ratePerMinute: 2 } } });
  const { room, open } = gateway;
  const [, , , last] = await joinOver(gateway, 4);
  const live = openLive(gateway.origin, room.name, last?.place);
  const ticks = (): Told[] => live.messages.filter((message) => message.type === 'tick') as Told[];
  await until(() => ticks().some(({ etaSeconds }) => etaSeconds !== null));
  const flag = async (value: string): Promise<void> => {
    await open.engine.change(room.cursor, {
      author: 'test',
      action: 'pause',
      reason: '',
      expectedVersion: 0,
      fields: [['flag.paused', value]],
    });
  };
  await flag('1');
  const paused = await until(() => ticks().find(({ reason }) => reason === 'paused'));
  expect(paused.etaSeconds).toBeNull();
  await flag('');
  const resumed = await until(() => {
    const after = ticks().slice(ticks().indexOf(paused));
    return after.find(({ etaSeconds }) => etaSeconds !== null);
  });
  expect(resumed.reason).toBeUndefined();
});

test('an estimate that moves by more than a fifth has its reason once, on the socket and in the status', async () => {
  const gateway = await startGateway({ rules: { admission: { ratePerMinute: 6 } } });
  const { origin, room } = gateway;
  const everybody = await joinOver(gateway, 60);
  const polls = everybody.at(-2);
  const live = openLive(origin, room.name, everybody.at(-1)?.place);
  const ticks = (): Told[] => live.messages.filter((message) => message.type === 'tick') as Told[];
  const status = async (): Promise<Status> => {
    const headers = { authorization: `Bearer ${polls?.place}` };
    return (
      await fetch(`${origin}/_ropeline/rooms/${room.name}/status`, { headers })
    ).json() as Promise<Status>;
  };
  const before = await until(() => ticks().find(({ etaSeconds }) => etaSeconds !== null));
  const promised = await status();
  expect([before.reason, promised.reason]).toEqual([undefined, undefined]);

  await setRate(gateway, 2);
  const moved = await until(() => ticks().find(({ reason }) => reason === 'rate-changed'));
  expect(moved.etaSeconds?.p50).toBeGreaterThan(2 * (before.etaSeconds?.p50 ?? 0));
  await until(() => ticks().length >= ticks().indexOf(moved) + 4);
  expect(ticks().filter(({ reason }) => reason !== undefined)).toHaveLength(1);
  expect((await status()).reason).toBe('rate-changed');
  expect((await status()).reason).toBeUndefined();
});
