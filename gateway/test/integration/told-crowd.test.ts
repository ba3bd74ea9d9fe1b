import type { ServerMessage } from '@ropeline/core/protocol/live.ts';
import type { Status } from '@ropeline/core/protocol/status.ts';
import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import { type LiveClient, openLive } from '../support/live-client.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';

/** Enough to fill many turns of paced work when it is full of them. */
const crowd = 300;

async function openCrowd({ origin, room }: TestGateway): Promise<LiveClient[]> {
  const clients: LiveClient[] = [];
  for (let i = 0; i < crowd; i += 1) {
    const answer = await fetch(`${origin}/_ropeline/rooms/${room.name}/join`, { method: 'POST' });
    clients.push(openLive(origin, room.name, ((await answer.json()) as Status).place));
  }
  await Promise.all(clients.map((client) => client.first('status')));
  return clients;
}

async function set({ open, room }: TestGateway, ...fields: [string, string][]): Promise<void> {
  const change = { author: 'test', action: 'patch', reason: '', expectedVersion: 0, fields };
  await open.engine.change(room.cursor, change);
}

function states(client: LiveClient): string[] {
  return client.messages.flatMap((message: ServerMessage) =>
    message.type === 'state' ? [message.state] : [],
  );
}

test('a whole crowd hears of pauses, its turns and the end, each of it in the order in which it came true', async () => {
  const gateway = await startGateway({
    rules: { admission: { ratePerMinute: 0 }, queue: { alwaysOn: true }, stock: { follow: true } },
  });
  const clients = await openCrowd(gateway);
  for (const value of ['1', '', '1', '']) await set(gateway, ['flag.paused', value]);
  await until(() => clients.every((client) => states(client).at(-1) === 'open'));

  // Half of them get their turn in a few ticks, then all is sold.
  await set(gateway, ['admission.ratePerMinute', '60000'], ['admission.capacity', String(crowd / 2)]);
  await until(() => gateway.room.admittedNow === crowd / 2);
  await gateway.open.engine.signal(gateway.room.cursor, { capacity: 10, held: 0, sold: 10 }, 'test');
  const gone = clients.slice(crowd / 2);
  for (const client of gone) expect(await client.closed).toMatchObject({ code: 4503 });

  for (const client of clients.slice(0, crowd / 2)) {
    const turns = (): unknown[] => client.messages.filter(({ type }) => type === 'admitted');
    // Of what is told in one go the room's state comes first.
    await until(() => states(client).at(-1) === 'sold-out' && turns().length > 0);
    expect(turns()).toHaveLength(1);
    const at = client.messages.findIndex(
      (message) => message.type === 'status' && message.state === 'admitted',
    );
    expect(client.messages.slice(at + 1).filter(({ type }) => type === 'tick')).toEqual([]);
  }
  for (const client of gone) {
    expect(states(client).at(-1)).toBe('sold-out');
    expect(client.messages.at(-1)).toMatchObject({ type: 'status', state: 'rejected', reason: 'sold-out' });
  }
});

test('a stopping gateway sends everybody away before it is done', async () => {
  const gateway = await startGateway({ rules: { admission: { ratePerMinute: 0 } } });
  const clients = await openCrowd(gateway);
  await gateway.plane.drain(60_000);
  expect(gateway.plane.server.sockets).toBe(0);
  for (const client of clients) {
    const { code, reason } = await client.closed;
    expect(code).toBe(4000);
    expect(JSON.parse(reason)).toMatchObject({ code: 'come-back' });
  }
});
