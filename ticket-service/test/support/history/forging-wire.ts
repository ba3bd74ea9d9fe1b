import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A text that is sent, and what arrives in its place. */
export type Forgery = readonly [sent: string, arrives: string];

type Options = {
  readonly forgeries?: readonly Forgery[];
  /** What contains this text arrives twice: again on a connection of its own, whose answer nobody hears. */
  readonly twice?: string | undefined;
};

/** A message whose end looks like the beginning of a forged text must not wait: shorter than this, it is chance. */
const leastHeld = 8;

/**
 * A wire to a server that puts a bug into the process at its end: the scripts and statements that it sends arrive
 * changed, or twice. What arrives is filled with blanks, since protocols count bytes.
 */
export async function startForgingWire(
  target: string,
  { forgeries = [], twice }: Options,
): Promise<{ readonly url: string; readonly forged: () => number; readonly stop: () => Promise<void> }> {
  const to = new URL(target);
  const sockets = new Set<Socket>();
  const padded = forgeries.map(([sent, arrives]): Forgery => {
    if (arrives.length > sent.length) throw new Error(`too long to arrive in place of ${sent}`);
    return [sent, arrives.padEnd(sent.length)];
  });
  let forged = 0;

  const reach = (): Socket => keep(connect(Number(to.port), to.hostname));
  const server = createServer((client) => {
    const upstream = reach();
    keep(client);
    let held = '';
    client.on('data', (chunk) => {
      let text = held + chunk.toString('latin1');
      for (const [sent, arrives] of padded) {
        if (!text.includes(sent)) continue;
        forged += 1;
        text = text.replaceAll(sent, arrives);
      }
      // What may be the beginning of a text to forge waits for the rest of it.
      const from = Math.max(0, text.length - longest);
      const start = [...text.slice(from)].findIndex((_, at) => isBeginning(text.slice(from + at)));
      const end = start < 0 ? text.length : from + start;
      held = text.slice(end);
      const bytes = Buffer.from(text.slice(0, end), 'latin1');
      upstream.write(bytes);
      if (twice !== undefined && text.includes(twice)) {
        forged += 1;
        upstream.once('data', () => reach().end(bytes));
      }
    });
    upstream.on('data', (chunk) => client.write(chunk));
    client.on('close', () => upstream.end());
    upstream.on('close', () => client.destroy());
  });
  const longest = Math.max(0, ...padded.map(([sent]) => sent.length - 1));
  const isBeginning = (tail: string): boolean =>
    padded.some(([sent]) => tail.length >= leastHeld && tail.length < sent.length && sent.startsWith(tail));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: url.href,
    forged: () => forged,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };

  function keep(socket: Socket): Socket {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    return socket;
  }
}
