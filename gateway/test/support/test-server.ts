import { cleanedUp } from '../../../testing/scope.ts';
import type { Exchange, Server, ServerOptions } from '../../src/transport/http.ts';
import { createServer } from '../../src/transport/uws.ts';

export type TestServer = { readonly server: Server; readonly port: number; readonly errors: string[] };

/** A server of the transport on a free port, closed with the test; what its handlers throw is gathered. */
export async function testServer<T>(
  handler: (exchange: Exchange) => void | Promise<void>,
  options: Partial<ServerOptions<T>> = {},
): Promise<TestServer> {
  const errors: string[] = [];
  const server = createServer<T>({
    handler,
    onError: (error, where) => errors.push(`${where}: ${String(error)}`),
    ...options,
  });
  cleanedUp(server, (it) => it.close());
  return { server, port: await server.listen('127.0.0.1', 0), errors };
}

/** Answers with what it was asked. */
export async function echo(exchange: Exchange): Promise<void> {
  const body = await exchange.body(1_000_000);
  exchange.respond(
    200,
    [['Content-Type', 'application/json']],
    JSON.stringify({
      method: exchange.method,
      path: exchange.path,
      query: exchange.query,
      body: body.toString(),
    }),
  );
}
