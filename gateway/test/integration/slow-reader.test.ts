import { expect, onTestFinished, test, vi } from 'vitest';
import { until } from '../../../testing/until.ts';
import type { Outlet } from '../../src/queue/fan-out.ts';
import { LiveSocket } from '../../src/transport/live-socket.ts';
import { openLive } from '../support/live-client.ts';
import { startGateway } from '../support/start-gateway.ts';

test('a client that does not read gets no more numbers, and beyond 64 KB of changes it is closed', async () => {
  const sent = vi.spyOn(LiveSocket.prototype, 'send');
  onTestFinished(() => sent.mockRestore());
  // A long message makes every status long.
  const { origin, room, plane } = await startGateway({
    rules: { admission: { ratePerMinute: 0 }, page: { message: 'x'.repeat(500) } },
  });
  const answer = await fetch(`${origin}/_ropeline/rooms/${room.name}/join`, { method: 'POST' });
  const { place, visitor: id } = (await answer.json()) as { place: string; visitor: string };
  const live = openLive(origin, room.name, place);
  await live.first('tick');
  const socket = sent.mock.contexts.at(-1) as LiveSocket<unknown>;
  const visitor = room.roster.get(id);
  if (visitor === undefined) throw new Error('nobody is served');
  const outlet = visitor.watchers[0] as Outlet;
  const tellChange = (): void => {
    outlet.changed(visitor);
    outlet.run('turns');
  };
  const tellNumbers = (): void => {
    outlet.tick(visitor);
    outlet.run('numbers');
  };
  const ticks = (): number => sent.mock.calls.filter(([text]) => text.startsWith('{"type":"tick"')).length;

  const before = ticks();
  tellNumbers();
  expect(ticks()).toBe(before + 1);
  live.socket.pause();
  // First what the kernels of both sides take, then what the gateway keeps.
  await until(() => {
    for (let i = 0; i < 1_000 && socket.bufferedBytes === 0; i += 1) tellChange();
    return socket.bufferedBytes > 0;
  });
  const kept = socket.bufferedBytes;
  const told = ticks();
  for (let i = 0; i < 1_000; i += 1) tellNumbers();
  expect(ticks()).toBe(told);
  expect(socket.bufferedBytes).toBe(kept);

  let most = kept;
  for (let i = 0; i < 200; i += 1) {
    tellChange();
    most = Math.max(most, socket.bufferedBytes);
  }
  // The message that goes beyond it is the last that is kept.
  expect(most).toBeLessThanOrEqual(64 * 1024 + 2_000);
  await until(() => plane.server.sockets === 0);
  expect(room.fanOut.size).toBe(0);
});
