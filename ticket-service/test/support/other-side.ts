import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Seen = { readonly path: string; readonly token: string | undefined; readonly body: unknown };

/** The other side of a wire: an HTTP server that answers as it is told and remembers what it was asked. */
export type OtherSide = {
  readonly url: string;
  readonly seen: readonly Seen[];
  answer: { status: number; json: unknown };
  /** Nobody is answered before. */
  patience: Promise<void>;
  readonly stop: () => Promise<void>;
  /** Listens again at the same address. */
  readonly start: () => Promise<void>;
};

export async function startOtherSide(json: unknown = {}): Promise<OtherSide> {
  const seen: Seen[] = [];
  const server: Server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    seen.push({ path: request.url ?? '', token: request.headers.authorization, body });
    await side.patience;
    response.writeHead(side.answer.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(side.answer.json));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const side: OtherSide = {
    url: `http://127.0.0.1:${port}`,
    seen,
    answer: { status: 200, json },
    patience: Promise.resolve(),
    async stop() {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
    async start() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
  };
  return side;
}
