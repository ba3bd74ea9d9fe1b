import { expect, inject, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { openControl, token } from '../support/open-control.ts';
import { createRoom } from '../support/open-rooms.ts';

test('a preview tells what another rate would mean for the line as it stands, and changes nothing', async () => {
  const open = await openControl(inject('redisUrl'));
  const rules = { queue: { alwaysOn: true }, admission: { ratePerMinute: 0, capacity: 300 } };
  const room = await createRoom(open, uniqueRoom(), rules);
  for (let i = 0; i < 120; i += 1) {
    await room.engine.join(room.cursor, { visitor: `v${i}`, lane: 0, score: 0, fresh: `f${i}` });
  }
  const stock = { capacity: 100, held: 20, sold: 20 };
  await open.call('POST', `/api/rooms/${room.name}/signals`, { body: { stock } });
  const { status, body } = await open.call('POST', `/api/rooms/${room.name}/preview`, {
    as: token.viewer,
    body: { admission: { ratePerMinute: 60 }, staySeconds: 60, unitsPerEntry: 2 },
  });
  expect([status, body]).toMatchObject([
    200,
    {
      room: room.name,
      waiting: 120,
      inside: 0,
      staySeconds: 60,
      now: { ratePerMinute: 0, limit: 'stopped', lastInSeconds: null },
      preview: { ratePerMinute: 60, capacity: 300, limit: 'rate', lastInSeconds: { p50: 120 } },
    },
  ]);
  expect(body.preview.waits.map(({ position }: { position: number }) => position)).toEqual([1, 10, 100, 120]);
  expect(body.preview.stock).toMatchObject({ free: 60, served: 30 });
  expect((await open.call('GET', `/api/rooms/${room.name}`)).body).toMatchObject({
    version: 1,
    rules: { admission: { ratePerMinute: 0 } },
  });
});

test('a preview of rules that cannot be is refused as a patch of them would be', async () => {
  const open = await openControl(inject('redisUrl'));
  const room = await createRoom(open, uniqueRoom(), {});
  for (const body of [
    { admission: { ratePerMinute: -1 } },
    { admission: { rate: 5 } },
    { lane: 'nowhere' },
    { positions: [0] },
  ]) {
    expect(await open.call('POST', `/api/rooms/${room.name}/preview`, { body })).toMatchObject({
      status: 400,
      body: { code: 'bad-request' },
    });
  }
  expect((await open.call('POST', `/api/rooms/${room.name}/preview`)).status).toBe(200);
});
