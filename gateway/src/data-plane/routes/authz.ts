import { AppError } from '@ropeline/core/errors.ts';
import { entryHeader } from '@ropeline/core/protocol/entry.ts';
import type { Exchange, Header } from '../../transport/http.ts';
import type { AdmissionCheck, SiteRequest } from '../admission-check.ts';
import { queryOf, redirect } from '../answers.ts';
import type { Context } from '../context.ts';
import { contains, type Outside, outsideOf } from '../forwarded.ts';
import { readPath } from '../path.ts';
import { renew } from './site.ts';

const prefix = '/_ropeline/authz';

/**
 * Forward-auth: another proxy asks whether a request may pass. 200 in; navigations 302 to the queue, or with
 * `?style=nginx` 401 + `Location` (nginx takes nothing else); all others 401.
 */
export async function authz(context: Context, check: AdmissionCheck, exchange: Exchange): Promise<void> {
  const request = originalRequest(context, exchange);
  const admission = await check.decide(request);
  if (admission.kind === 'refused') throw admission.error;
  if (admission.kind === 'redirect') {
    if (queryOf(exchange).get('style') !== 'nginx') return redirect(exchange, 302, admission.location);
    return exchange.respond(401, [
      ['location', admission.location],
      ['cache-control', 'no-store'],
    ]);
  }
  const renewal = await renew(context, admission, request.outside.proto === 'https');
  const token = renewal?.token ?? admission.entry?.credential.token;
  const cookies = (renewal?.headers ?? []).filter(([name]) => name === 'set-cookie');
  const headers: Header[] = token === undefined ? [] : [[entryHeader, token]];
  exchange.respond(200, [['cache-control', 'no-store'], ...headers, ...cookies]);
}

/** What the visitor asked the outer proxy for: from `X-Forwarded-*` of a trusted peer, else from the request itself. */
function originalRequest(context: Context, exchange: Exchange): SiteRequest {
  const { headers } = exchange;
  const outside: Outside = outsideOf(exchange, context.trusted);
  const uri = contains(context.trusted, exchange.peer) ? headers.get('x-forwarded-uri') : undefined;
  const [path = '/', query = ''] = uri === undefined ? ownTarget(exchange) : split(uri);
  if (!path.startsWith('/')) throw new AppError('bad-request', { detail: 'X-Forwarded-Uri is not a path' });
  const method = uri === undefined ? exchange.method : (headers.get('x-forwarded-method') ?? exchange.method);
  return { method: method.toUpperCase(), path: readPath(path), query, headers, outside };
}

function ownTarget(exchange: Exchange): readonly [string, string] {
  const path = exchange.path.slice(prefix.length);
  return [path === '' ? '/' : path, exchange.query];
}

function split(uri: string): readonly [string, string] {
  const at = uri.indexOf('?');
  return at < 0 ? [uri, ''] : [uri.slice(0, at), uri.slice(at + 1)];
}
