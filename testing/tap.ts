import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { loadScript } from '../core/src/redis/script.ts';

/** A place between two steps of a process: what it sends there, and whether that is still done. */
export type Point = {
  /** Words that it sends on one connection, one after the other; of a list, any. The last one is the point. */
  readonly sends: readonly (string | readonly string[])[];
  /** `before`: the last words never arrive. `after`: they are carried out, and the answer never comes. */
  readonly when: 'before' | 'after';
};

/** A wire to a server that can be cut at a point, so that a process can be killed between two of its steps. */
export type Tap = {
  readonly port: number;
  /** The same address by way of the tap. */
  readonly url: string;
  /** Nothing passes in either direction from the point on, but waits. Resolves when it is reached. */
  readonly freezeAt: (point: Point) => Promise<void>;
  /** Ends every connection, and what waits is lost; new ones pass again. */
  readonly thaw: () => void;
  /** What waits passes, late, and all that follows. */
  readonly letGo: () => void;
  readonly stop: () => Promise<void>;
};

/** The words of a script's call, whether it goes by its digest or by its text. */
export function script(file: string): readonly string[] {
  const digest = createHash('sha1').update(loadScript(file)).digest('hex');
  return [digest, `--[[\n${file}: `];
}

/** Longer than any words that are waited for. */
const tailBytes = 200;

export async function startTap(target: string): Promise<Tap> {
  const to = new URL(target);
  const sockets = new Set<Socket>();
  let armed: { readonly point: Point; readonly reached: () => void } | undefined;
  let isFrozen = false;
  let waiting: (() => void)[] = [];

  const server = createServer((client) => {
    const upstream = connect(Number(to.port), to.hostname);
    let seen = 0;
    let tail = '';
    let isLast = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (chunk) => {
      const isPoint = !isFrozen && !isLast && passes(chunk.toString('latin1'), armed?.point);
      if (isPoint && armed?.point.when === 'before') freeze();
      if (isFrozen || isLast) return void waiting.push(() => upstream.write(chunk));
      isLast = isPoint;
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (isLast) freeze();
      isLast = false;
      if (isFrozen) return void waiting.push(() => client.write(chunk));
      client.write(chunk);
    });
    client.on('close', () => upstream.end());
    upstream.on('close', () => client.destroy());

    /** True when these bytes bring the last words of the point. */
    function passes(bytes: string, point: Point | undefined): boolean {
      if (point === undefined) return false;
      const { sends } = point;
      let text = tail + bytes;
      for (;;) {
        const words = sends[seen];
        if (words === undefined) return false;
        const found = [words].flat().find((word) => text.includes(word));
        if (found === undefined) break;
        text = text.slice(text.indexOf(found) + found.length);
        seen += 1;
        if (seen === sends.length) return true;
      }
      tail = text.slice(-tailBytes);
      return false;
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = new URL(target);
  url.host = `127.0.0.1:${port}`;
  return {
    port,
    url: url.href,
    freezeAt: (point) =>
      new Promise((resolve) => {
        armed = { point, reached: resolve };
      }),
    thaw() {
      pass();
      for (const socket of sockets) socket.destroy();
    },
    letGo() {
      for (const go of pass()) go();
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };

  function freeze(): void {
    isFrozen = true;
    armed?.reached();
  }

  function pass(): readonly (() => void)[] {
    const waited = waiting;
    waiting = [];
    armed = undefined;
    isFrozen = false;
    return waited;
  }
}
