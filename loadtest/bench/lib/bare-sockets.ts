// biome-ignore lint/style/noRestrictedImports: a bare socket of the library is what ours are measured against
import { App, us_socket_local_port } from 'uWebSockets.js';

/** Accepts WebSockets as the gateway does, remembers nothing of them, and says its port. */
App()
  .ws('/*', {
    idleTimeout: 60,
    maxPayloadLength: 4 * 1_024,
    maxBackpressure: 64 * 1_024,
    upgrade: (response, request, context) => {
      const key = request.getHeader('sec-websocket-key');
      response.upgrade({}, key, 'ropeline.v1', '', context);
    },
  })
  .listen('127.0.0.1', 0, (socket) => {
    if (socket !== false) process.send?.({ port: us_socket_local_port(socket) });
  });
process.on('disconnect', () => process.exit(0));
