import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cleanedUp } from '../../../testing/scope.ts';
import { addressList, outsideOf } from '../../src/data-plane/forwarded.ts';
import { type ForwardOptions, Upstream, type UpstreamOptions } from '../../src/data-plane/proxy.ts';
import type { Outcome } from '../../src/data-plane/proxy-flight.ts';
import { type TestServer, testServer } from './test-server.ts';

export type TestProxy = TestServer & {
  readonly url: string;
  readonly upstream: Upstream;
  readonly outcomes: Outcome[];
};

/** A real node:http server as upstream. */
export async function origin(listener: RequestListener): Promise<{ server: Server; port: number }> {
  const server = cleanedUp(createServer(listener), (it) => {
    it.closeAllConnections();
    it.close();
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

/** The transport with nothing behind it but the proxy to `port`. */
export async function proxyTo(
  port: number,
  options: Partial<UpstreamOptions> = {},
  forward: Partial<ForwardOptions> = {},
): Promise<TestProxy> {
  const outcomes: Outcome[] = [];
  const trusted = addressList([]);
  const upstream = new Upstream(`http://127.0.0.1:${port}`, { onError: () => undefined, ...options });
  const front = await testServer((exchange) => {
    upstream.forward(exchange, {
      target: exchange.query === '' ? exchange.path : `${exchange.path}?${exchange.query}`,
      outside: outsideOf(exchange, trusted),
      onDone: (outcome) => outcomes.push(outcome),
      ...forward,
    });
  });
  return { ...front, url: `http://127.0.0.1:${front.port}`, upstream, outcomes };
}
