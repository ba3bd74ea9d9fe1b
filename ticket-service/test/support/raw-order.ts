import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { until } from '../../../testing/until.ts';

export type RawOrder = {
  readonly path?: string;
  readonly method?: string;
  readonly version?: string;
  /** A list for one that comes several times, null for one that is left out. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly body?: string;
};

/** The bytes of an order as a client sends it, the last of its connection unless the headers say otherwise. */
export function rawOrder(order: RawOrder): string {
  const { path = '/api/orders', method = 'POST', version = '1.1', body = '' } = order;
  const headers = Object.entries({
    host: 'shop',
    connection: 'close',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...order.headers,
  });
  const lines = headers.flatMap(([name, value]) =>
    (value === null ? [] : [value].flat()).map((one) => `${name}: ${one}\r\n`),
  );
  return `${method} ${path} HTTP/${version}\r\n${lines.join('')}\r\n${body}`;
}

/**
 * What the server says until it hangs up, but for the time of day. Each piece is sent when the server has read those
 * before, and `between` is over.
 */
export async function exchange(
  server: Server,
  pieces: readonly string[],
  between: () => unknown = () => undefined,
): Promise<string> {
  const { port } = server.address() as { port: number };
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  const answer = socket.toArray();
  const [ours] = await accepted;
  let sent = 0;
  for (const [at, piece] of pieces.entries()) {
    if (at > 0) await between();
    socket.write(piece);
    sent += Buffer.byteLength(piece);
    if (at < pieces.length - 1) await until(() => ours.bytesRead >= sent);
  }
  return (await answer).join('').replaceAll(/^date: .*\r\n/gim, '');
}

export const statusesOf = (answer: string): readonly number[] =>
  [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
