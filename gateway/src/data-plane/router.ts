import { AppError } from '@ropeline/core/errors.ts';
import type { Exchange } from '../transport/http.ts';
import { AdmissionCheck } from './admission-check.ts';
import { respondJson } from './answers.ts';
import type { Context } from './context.ts';
import { isSecure, outsideOf } from './forwarded.ts';
import { fromPage, isCrossSite } from './origin.ts';
import { authz } from './routes/authz.ts';
import { enter } from './routes/enter.ts';
import { page } from './routes/page.ts';
import { site } from './routes/site.ts';
import { claim, join, leave, show, status } from './routes/visit.ts';
import type { VisitRequest } from './visit-request.ts';

const own = '/_ropeline/';
const roomsPrefix = '/_ropeline/rooms/';
const assetsPrefix = '/_ropeline/assets/';

type Route = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly run: (request: VisitRequest) => void | Promise<void>;
};

/** Below `/_ropeline/rooms/{room}`; `''` is the room itself. */
const roomRoutes: Readonly<Record<string, Route>> = {
  '': { method: 'GET', run: show },
  '/join': { method: 'POST', run: join },
  '/status': { method: 'GET', run: status },
  '/claim': { method: 'POST', run: claim },
  '/enter': { method: 'GET', run: enter },
  '/page': { method: 'GET', run: page },
  '/place': { method: 'DELETE', run: leave },
  '/place/leave': { method: 'POST', run: leave },
  '/live': {
    method: 'GET',
    run: () => {
      throw new AppError('bad-request', { detail: 'This is a WebSocket address' });
    },
  },
};

/** Decides every HTTP request of the data plane: the gateway's own paths, and the site behind it. */
export function createRouter(context: Context): (exchange: Exchange) => void | Promise<void> {
  const check = new AdmissionCheck(context);
  return (exchange) => {
    const { path } = exchange;
    if (path.startsWith(roomsPrefix)) return roomRoute(context, exchange);
    if (path.startsWith(own)) return ownRoute(context, check, exchange);
    return site(context, check, exchange);
  };
}

type Resolved = { readonly name: string; readonly route: Route | undefined };

/** Paths that led to a room before, so that a poll's is read once and not taken apart each time. */
const known = new Map<string, Resolved>();

function resolve(path: string): Resolved {
  const rest = path.slice(roomsPrefix.length);
  const slash = rest.indexOf('/');
  if (slash < 0) return { name: rest, route: roomRoutes[''] };
  return { name: rest.slice(0, slash), route: roomRoutes[rest.slice(slash)] };
}

function roomRoute(context: Context, exchange: Exchange): void | Promise<void> {
  let resolved = known.get(exchange.path);
  if (resolved === undefined) {
    resolved = resolve(exchange.path);
    // Only what leads somewhere is kept: anybody may make up paths.
    if (context.rooms.get(resolved.name) !== undefined && resolved.route !== undefined)
      known.set(exchange.path, resolved);
  }
  const { name, route } = resolved;
  const room = context.rooms.get(name);
  if (room === undefined) throw new AppError('unknown-room');
  if (route === undefined) throw new AppError('not-found');
  const { method } = exchange;
  if (method !== route.method && !(method === 'HEAD' && route.method === 'GET')) {
    throw new AppError('method-not-allowed', {
      detail: `Use ${route.method}`,
      allow: route.method === 'GET' ? 'GET, HEAD' : route.method,
    });
  }
  if (route.method !== 'GET') refuseCrossSite(context, exchange);
  return route.run({ context, exchange, room, secure: isSecure(exchange, context.trusted) });
}

function ownRoute(context: Context, check: AdmissionCheck, exchange: Exchange): void | Promise<void> {
  const { path } = exchange;
  if (path === '/_ropeline/authz' || path.startsWith('/_ropeline/authz/'))
    return authz(context, check, exchange);
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD')
    throw new AppError('method-not-allowed', { detail: 'Use GET', allow: 'GET, HEAD' });
  if (path.startsWith(assetsPrefix)) return asset(context, exchange);
  switch (path) {
    case '/_ropeline/jwks.json':
      return exchange.respond(
        200,
        [
          ['content-type', 'application/jwk-set+json'],
          ['cache-control', 'public, max-age=60'],
        ],
        context.jwks(),
      );
    case '/_ropeline/health/live':
      return respondJson(exchange, 200, { status: 'ok' });
    case '/_ropeline/health/ready': {
      const missing = context.notReady();
      if (missing.length === 0) return respondJson(exchange, 200, { status: 'ok' });
      return respondJson(exchange, 503, { status: 'not-ready', missing });
    }
    default:
      throw new AppError('not-found');
  }
}

function asset(context: Context, exchange: Exchange): void {
  const file = context.assets.find(exchange.path);
  if (file === undefined) throw new AppError('not-found');
  exchange.respond(200, Object.entries(file.headers), file.body);
}

function refuseCrossSite(context: Context, exchange: Exchange): void {
  if (!fromPage(exchange.headers)) return;
  const { host } = outsideOf(exchange, context.trusted);
  if (isCrossSite(exchange.headers, host)) throw new AppError('cross-site');
}
