import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { cleanedUp } from '../../../testing/scope.ts';

type Line = { readonly client: Socket; readonly server: Socket; sent: string };

export type TcpProxy = {
  /** For who connects to a Redis. */
  readonly url: string;
  readonly port: number;
  /**
   * From now on what these connections send arrives nowhere, and nothing comes back: they stay open, as those do
   * whose cable was pulled. `sent` is what the client has said so far. New connections work. How many it were.
   */
  swallow(which: (sent: string) => boolean): number;
  /** Breaks all connections. */
  cut(): void;
};

/** A proxy in front of a port on loopback; gone at the end of the test. */
export async function startTcpProxy(port: number): Promise<TcpProxy> {
  const lines = new Set<Line>();
  const listener = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    const line = { client, server, sent: '' };
    lines.add(line);
    client.on('data', (data) => {
      line.sent += data.toString('latin1');
      server.write(data);
    });
    server.on('data', (data) => client.write(data));
    const end = (): void => {
      lines.delete(line);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const own = (listener.address() as AddressInfo).port;
  const proxy: TcpProxy = {
    url: `redis://127.0.0.1:${own}`,
    port: own,
    swallow(which) {
      const chosen = [...lines].filter(({ sent }) => which(sent));
      for (const { client, server } of chosen) {
        client.pause();
        server.pause();
      }
      return chosen.length;
    },
    cut() {
      for (const { client, server } of lines) {
        client.destroy();
        server.destroy();
      }
    },
  };
  return cleanedUp(proxy, () => {
    listener.close();
    proxy.cut();
  });
}
