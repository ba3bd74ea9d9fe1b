import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { StockMemory } from '../../src/inventory/stock-memory.ts';
import { StockStreams } from '../../src/offers/stock-streams.ts';

/** Of a connection here; small, so that little has to be written before it is full. */
const bufferBytes = 1_024;
const eventBytes = 256;

/** Streams over real connections, on a Unix socket: the kernel takes few events of who does not read. */
async function openStreams() {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-test-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const path = join(folder, 'socket');
  const memory = new StockMemory();
  const tell = (held: number) => memory.learn(1, { capacity: 1_000_000, held, sold: 0 });
  tell(0);
  const streams = new StockStreams({ stock: memory, most: 50, pauseMs: 1 });
  const server = createServer({ highWaterMark: bufferBytes }, (_request, response) =>
    streams.add(1, response),
  );
  await new Promise<void>((resolve) => server.listen(path, resolve));
  cleanedUp(server, (it) => {
    streams.close();
    it.closeAllConnections();
    it.close();
  });
  return { path, tell, streams };
}

/** Asks for the stream and never reads of it. */
function watchWithoutReading(path: string): Socket {
  const socket = cleanedUp(connect(path), (it) => it.destroy());
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  return socket;
}

/** The next held count that a reader hears of, each once. */
async function watch(path: string): Promise<(held: number) => Promise<void>> {
  const response = await new Promise<IncomingMessage>((resolve) => get({ socketPath: path }, resolve));
  let last = -1;
  let heard: (() => void) | undefined;
  response.on('data', (chunk: Buffer) => {
    for (const [, held] of chunk.toString().matchAll(/"held":(\d+)/g)) last = Number(held);
    heard?.();
  });
  return async (held) => {
    while (last < held) {
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
  };
}

it('who does not read costs no more than the buffer of a connection, and takes nothing from who reads', async () => {
  const { path, tell, streams } = await openStreams();
  const silent = Array.from({ length: 10 }, () => watchWithoutReading(path));
  const heard = await watch(path);
  await until(() => streams.open === silent.length + 1);
  let held = 0;
  const change = async () => {
    held += 1;
    tell(held);
    await heard(held);
  };
  // Until the kernel takes no more of any of them.
  while (streams.unreadBytes < silent.length * bufferBytes) await change();
  for (let more = 0; more < 100; more += 1) await change();
  expect(streams.unreadBytes).toBeLessThan(silent.length * (bufferBytes + eventBytes));
  for (const socket of silent) socket.destroy();
  await until(() => streams.open === 1 && streams.unreadBytes === 0);
  await change();
}, 60_000);
