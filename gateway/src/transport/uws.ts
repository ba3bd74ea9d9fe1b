import './header-budget.ts';
import * as uws from 'uWebSockets.js';
import { AppError } from '@ropeline/core/errors.ts';
import { connectionLimit } from './connection-limit.ts';
import { RawExchange, type Shared } from './exchange.ts';
import { type Framing, framingOf } from './headers.ts';
import type { Server, ServerOptions } from './http.ts';
import { guarded, LiveSocket } from './live-socket.ts';
import { answerError, respondProblem } from './problem.ts';

type Upgrades<T> = NonNullable<ServerOptions<T>['upgrades']>;
type UserData<T> = { readonly socket: LiveSocket<T> };

const sweepEveryMs = 250;
const unframed: Framing = { hasBody: false, contentLength: 0 };

/**
 * The HTTP and WebSocket server. Nothing a handler or a client does ends the process: handlers are guarded, every
 * exchange has a deadline, and connections end well below the descriptor limit.
 */
export function createServer<T = undefined>(options: ServerOptions<T>): Server {
  withoutServerHeader();
  const app = uws.App();
  const shared: Shared = {
    open: new Set(),
    now: performance.now(),
    draining: false,
    onError: options.onError,
  };
  const count = { connections: 0, sockets: 0, refused: 0 };
  const limit = connectionLimit();
  const maxConnections = Math.min(options.maxConnections ?? limit, limit);

  const countConnection = (response: uws.HttpResponse, change: number): void => {
    count.connections += change;
    if (change > 0 && count.connections > maxConnections) {
      count.refused += 1;
      response.close();
    }
  };
  app.filter(countConnection);
  if (options.upgrades !== undefined) addUpgrades(app, options.upgrades, shared, count);
  app.any('/*', (response, request) => {
    const exchange = receive(response, request, shared);
    if (exchange === undefined) return;
    try {
      options.handler(exchange)?.catch((error: unknown) => answerError(exchange, error, options.onError));
    } catch (error) {
      answerError(exchange, error, options.onError);
    }
    exchange.settle();
  });
  const sweep = setInterval(
    () => endOverdue(shared, options.handlerDeadlineMs ?? 10_000),
    sweepEveryMs,
  ).unref();

  let listening: uws.us_listen_socket | undefined;
  const stopListening = (): void => {
    shared.draining = true;
    if (listening !== undefined) uws.us_listen_socket_close(listening);
    listening = undefined;
  };
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        app.listen(host, port, (socket) => {
          if (socket === false) return reject(new Error(`port ${port} on ${host} is not to be had`));
          listening = socket;
          resolve(uws.us_socket_local_port(socket));
        });
      }),
    stopListening,
    close: () => {
      stopListening();
      clearInterval(sweep);
      app.close();
    },
    get connections() {
      return count.connections;
    },
    get sockets() {
      return count.sockets;
    },
    get inFlight() {
      return shared.open.size;
    },
    get refused() {
      return count.refused;
    },
    maxConnections,
  };
}

/** One array for all requests to gather in, so that reading headers makes no closure. */
let gathered: string[] = [];
function gather(name: string, value: string): void {
  gathered.push(name, value);
}

/** Copies the request; answers ambiguous framing itself and then returns undefined. */
function receive(
  response: uws.HttpResponse,
  request: uws.HttpRequest,
  shared: Shared,
): RawExchange | undefined {
  gathered = [];
  request.forEach(gather);
  try {
    return new RawExchange(response, request, gathered, framingOf(gathered), shared);
  } catch (error) {
    const exchange = new RawExchange(response, request, gathered, unframed, shared);
    exchange.closeAfter();
    exchange.settle();
    // A refusal in this turn would leave the rest of the bytes to be read, and handled, as a next request. While an
    // answer is due, a next request ends the connection instead (tried).
    setImmediate(() => answerError(exchange, error, shared.onError));
    return undefined;
  }
}

/** Exchanges stand in order of arrival, so the first that is in time ends the look, but for those on their own. */
function endOverdue(shared: Shared, deadlineMs: number): void {
  shared.now = performance.now();
  for (const exchange of shared.open) {
    if (exchange.startedAt + deadlineMs > shared.now) return;
    if (exchange.ownDeadline) continue;
    if (exchange.answered) exchange.destroy();
    else respondProblem(exchange, new AppError('timeout', { retryAfterSeconds: 1 }));
  }
}

function addUpgrades<T>(
  app: uws.TemplatedApp,
  upgrades: Upgrades<T>,
  shared: Shared,
  count: { connections: number; sockets: number },
): void {
  const { handler, decide } = upgrades;
  app.ws<UserData<T>>(`${upgrades.prefix}*`, {
    maxPayloadLength: upgrades.maxMessageBytes ?? 16 * 1024,
    maxBackpressure: upgrades.maxBufferedBytes ?? 64 * 1024,
    closeOnBackpressureLimit: true,
    idleTimeout: upgrades.idleTimeoutSeconds ?? 60,
    sendPingsAutomatically: true,
    upgrade: (response, request, context) => {
      const exchange = receive(response, request, shared);
      if (exchange === undefined) return;
      try {
        const decision = decide(exchange);
        if (decision.accept) {
          exchange.release();
          response.upgrade<UserData<T>>(
            { socket: new LiveSocket(decision.data) },
            request.getHeader('sec-websocket-key'),
            decision.protocol ?? '',
            '',
            context,
          );
          return;
        }
        respondProblem(exchange, decision.error);
      } catch (error) {
        answerError(exchange, error, shared.onError);
      }
    },
    open: (raw) => {
      const { socket } = raw.getUserData();
      count.sockets += 1;
      socket.attach(raw);
      guarded(socket, shared.onError, 'open', () => handler.open(socket));
    },
    message: (raw, message, isBinary) => {
      const { socket } = raw.getUserData();
      if (isBinary) return socket.close(1003);
      const text = Buffer.from(message).toString();
      guarded(socket, shared.onError, 'message', () => handler.message(socket, text));
    },
    close: (raw, code) => {
      const { socket } = raw.getUserData();
      socket.detach();
      // The connection filter is told of the upgrade's connection once, at its start, and never of its end.
      count.sockets -= 1;
      count.connections -= 1;
      guarded(socket, shared.onError, 'close', () => handler.close(socket, code));
    },
  });
}

/** The library names itself in every answer unless told this, before the first app (tried; not in its types). */
function withoutServerHeader(): void {
  (uws as unknown as { _cfg(key: string): void })._cfg('999999990007');
}
