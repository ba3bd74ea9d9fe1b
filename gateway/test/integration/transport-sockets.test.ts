import { AppError } from '@ropeline/core/errors.ts';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import type { RequestView, Socket, SocketHandler, UpgradeDecision } from '../../src/transport/http.ts';
import { rawClient, request } from '../support/raw-client.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { echo, type TestServer, testServer } from '../support/test-server.ts';

type Data = { readonly path: string };
type Seen = { readonly sockets: Socket<Data>[]; readonly closed: number[] };

/** A server that keeps the sockets it gets, answers `hello` to every message, and throws when told to. */
async function socketServer(
  decide: (view: RequestView) => UpgradeDecision<Data> = ({ path }) => ({
    accept: true,
    protocol: 'ropeline.v1',
    data: { path },
  }),
  options: { maxConnections?: number; maxBufferedBytes?: number; idleTimeoutSeconds?: number } = {},
): Promise<TestServer & Seen> {
  const seen: Seen = { sockets: [], closed: [] };
  const handler: SocketHandler<Data> = {
    open: (socket) => {
      seen.sockets.push(socket);
      socket.send(`open ${socket.data.path}`);
    },
    message: async (socket, text) => {
      if (text === 'throw') throw new Error('thrown');
      if (text === 'bye') socket.close(4503, JSON.stringify({ code: 'place-over' }));
      socket.send('hello');
    },
    close: (_, code) => {
      seen.closed.push(code);
    },
  };
  const { maxBufferedBytes = 64 * 1024, idleTimeoutSeconds = 60, ...rest } = options;
  const bounds = { maxMessageBytes: 1_000, maxBufferedBytes, idleTimeoutSeconds };
  const upgrades = { prefix: '/_ropeline/', decide, handler, ...bounds };
  return { ...(await testServer<Data>(echo, { upgrades, ...rest })), ...seen };
}

type Client = {
  readonly ws: WebSocket;
  readonly messages: string[];
  closed: { code: number; reason: string } | undefined;
};

function connectTo(port: number, path = '/_ropeline/rooms/a/live'): Client {
  const ws = cleanedUp(new WebSocket(`ws://127.0.0.1:${port}${path}`, ['ropeline.v1']), (it) =>
    it.terminate(),
  );
  const client: Client = { ws, messages: [], closed: undefined };
  ws.on('error', () => undefined);
  ws.on('message', (data) => client.messages.push(String(data)));
  ws.on('close', (code, reason) => {
    client.closed = { code, reason: reason.toString() };
  });
  return client;
}

test('gives a socket the data and subprotocol of its upgrade, and its messages their order', async () => {
  const { port, server } = await socketServer();
  const client = connectTo(port);
  await until(() => client.messages.length === 1);
  expect(client.messages).toEqual(['open /_ropeline/rooms/a/live']);
  expect(client.ws.protocol).toBe('ropeline.v1');
  client.ws.send('x');
  await until(() => client.messages.includes('hello'));
  expect(server.sockets).toBe(1);
});

test('answers a refused upgrade with its problem, and leaves upgrades of other paths to the handler', async () => {
  const { port } = await socketServer(() => ({ accept: false, error: new AppError('cross-site') }));
  const headers = [
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
  ];
  const refused = await rawClient(port);
  expect(
    await refused.send(request('GET', '/_ropeline/rooms/a/live', headers)).sees('"code":"cross-site"'),
  ).toContain('403');
  const other = await rawClient(port);
  expect(await other.send(request('GET', '/elsewhere', headers)).sees('"path":"/elsewhere"')).toContain(
    '200 OK',
  );
});

test('survives a throwing decision and a throwing handler, and closes that socket with 1011', async () => {
  const { port, errors } = await socketServer(({ path }) => {
    if (path.includes('bad')) throw new Error('in decide');
    return { accept: true, protocol: 'ropeline.v1', data: { path } };
  });
  const bad = connectTo(port, '/_ropeline/bad');
  const client = connectTo(port);
  await until(() => client.messages.length === 1);
  client.ws.send('throw');
  await until(() => client.closed !== undefined && bad.closed !== undefined);
  expect(client.closed?.code).toBe(1011);
  expect(errors.sort()).toEqual(['handler: Error: in decide', 'socket message: Error: thrown']);
});

test('closes with a code and reason, after which sends are dropped and nothing throws', async () => {
  const { port, sockets, closed } = await socketServer();
  const client = connectTo(port);
  await until(() => client.messages.length === 1);
  client.ws.send('bye');
  await until(() => client.closed !== undefined && closed.length === 1);
  expect(client.closed).toEqual({ code: 4503, reason: '{"code":"place-over"}' });
  const [socket] = sockets;
  expect(socket?.isOpen).toBe(false);
  expect(socket?.send('late')).toBe('dropped');
  expect(socket?.bufferedBytes).toBe(0);
  socket?.close(1000);
  expect(client.messages).toEqual(['open /_ropeline/rooms/a/live']);
});

test('closes a socket that sends too much or in binary', async () => {
  const { port, closed } = await socketServer();
  const big = connectTo(port);
  const binary = connectTo(port);
  await until(() => big.messages.length + binary.messages.length === 2);
  big.ws.send('x'.repeat(1_001));
  binary.ws.send(Buffer.from([1, 2, 3]));
  await until(() => closed.length === 2);
  await until(() => big.closed !== undefined && binary.closed !== undefined);
  expect(binary.closed?.code).toBe(1003);
});

test('closes a client that does not take what it is sent, and tells the sender', async () => {
  const { port, sockets, closed } = await socketServer(undefined, { maxBufferedBytes: 10_000 });
  const client = connectTo(port);
  await until(() => client.messages.length === 1);
  client.ws.pause();
  const [socket] = sockets;
  const answers = new Set<string>();
  await until(() => {
    for (let i = 0; i < 50; i++) answers.add(socket?.send('x'.repeat(4_000)) ?? '');
    return answers.has('dropped');
  });
  await until(() => closed.length === 1);
  expect(answers).toContain('queued');
  expect(socket?.isOpen).toBe(false);
});

test('counts connections that became sockets only while they are open', async () => {
  const { port, server } = await socketServer(undefined, { maxConnections: 4 });
  for (let round = 0; round < 3; round++) {
    const clients = Array.from({ length: 4 }, () => connectTo(port));
    await until(() => clients.every((client) => client.messages.length === 1));
    expect(server.connections).toBe(4);
    expect(server.sockets).toBe(4);
    const beyond = await rawClient(port);
    await beyond.isClosed();
    for (const [i, client] of clients.entries()) i % 2 === 0 ? client.ws.close() : client.ws.terminate();
    await until(() => server.connections === 0 && server.sockets === 0);
  }
  expect(server.refused).toBe(3);
});

test('closes a socket whose line swallows everything, though it is written to, and not one that only answers pings', async () => {
  const { port, sockets, closed } = await socketServer(undefined, { idleTimeoutSeconds: 12 });
  const proxy = await startTcpProxy(port);
  const there = connectTo(port);
  const lost = connectTo(proxy.port);
  await until(() => [there, lost].every(({ messages }) => messages.length === 1));
  expect(proxy.swallow(() => true)).toBe(1);
  await until(() => {
    for (const socket of sockets) socket.send('numbers');
    return closed.length > 0;
  });
  expect(closed).toEqual([1006]);
  const heard = there.messages.length;
  for (const socket of sockets) socket.send('numbers');
  await until(() => there.messages.length > heard);
});
