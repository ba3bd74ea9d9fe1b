// biome-ignore lint/style/noRestrictedImports: the empty handler of the library is what the transport is measured against
import { App, us_socket_local_port } from 'uWebSockets.js';
import Fastify from 'fastify';
import { addressList, outsideOf } from '../../../gateway/src/data-plane/forwarded.ts';
import { Upstream } from '../../../gateway/src/data-plane/proxy.ts';
import { createServer } from '../../../gateway/src/transport/uws.ts';
import { reportPort } from './bench-process.ts';

/** One server of the proxy benchmark a process: `bare`, `transport`, `site`, or `proxy <url of the site>`. */
const [kind, siteUrl = ''] = process.argv.slice(2);
const answer = JSON.stringify({ offer: 1, capacity: 1_000, held: 10, sold: 20, available: 970 });
const json = [['Content-Type', 'application/json']] as const;
const onError = (error: unknown): void => console.error(error);

if (kind === 'bare') {
  App()
    .any('/*', (response) => {
      response.writeHeader('Content-Type', 'application/json').end(answer);
    })
    .listen('127.0.0.1', 0, (socket) => {
      if (socket !== false) reportPort(us_socket_local_port(socket));
    });
} else if (kind === 'transport') {
  const server = createServer({ handler: (exchange) => exchange.respond(200, json, answer), onError });
  reportPort(await server.listen('127.0.0.1', 0));
} else if (kind === 'site') {
  const app = Fastify();
  app.get('/api/offers/1', (_, reply) => reply.type('application/json').send(answer));
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  reportPort(Number(new URL(url).port));
} else {
  const upstream = new Upstream(siteUrl, { onError });
  const trusted = addressList([]);
  const server = createServer({
    handler: (exchange) =>
      upstream.forward(exchange, { target: exchange.path, outside: outsideOf(exchange, trusted) }),
    onError,
  });
  reportPort(await server.listen('127.0.0.1', 0));
}
