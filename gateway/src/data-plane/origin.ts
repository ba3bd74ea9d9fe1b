import type { RequestHeaders } from '../transport/http.ts';

/** Whether a browser's page made this request, as far as it says so. */
export function fromPage(headers: RequestHeaders): boolean {
  return headers.get('origin') !== undefined || headers.get('sec-fetch-site') !== undefined;
}

/**
 * Whether another site's page made this request. Asked for writes and upgrades below `/_ropeline/`.
 * `host` is the public host with its port, as the browser knows it. A request without either header comes from a
 * program, not a page.
 */
export function isCrossSite(headers: RequestHeaders, host: string): boolean {
  if (headers.get('sec-fetch-site') === 'cross-site') return true;
  const origin = headers.get('origin');
  if (origin === undefined) return false;
  const [, scheme = '', originHost = ''] = /^(https?):\/\/([^/]+)$/i.exec(origin) ?? [];
  if (originHost === '') return true;
  return withoutDefaultPort(originHost, scheme) !== withoutDefaultPort(host, scheme);
}

function withoutDefaultPort(host: string, scheme: string): string {
  const port = scheme.toLowerCase() === 'https' ? ':443' : ':80';
  const lower = host.trim().toLowerCase();
  return lower.endsWith(port) ? lower.slice(0, -port.length) : lower;
}

/** Whether a browser asks for a page to show, so that a redirect to the queue page is an answer. */
export function isNavigation(method: string, headers: RequestHeaders): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  const mode = headers.get('sec-fetch-mode');
  if (mode !== undefined) return mode === 'navigate';
  return headers.get('accept')?.includes('text/html') ?? false;
}

/** A look ahead of a visit that may never come: it must not take a place. */
export function isLookAhead(method: string, headers: RequestHeaders): boolean {
  return method === 'HEAD' || isPrefetch(headers);
}

/** Browsers say in one of these headers that they fetch ahead of a click. */
export function isPrefetch(headers: RequestHeaders): boolean {
  return ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'].some((name) =>
    /\b(prefetch|prerender|preview)\b/i.test(headers.get(name) ?? ''),
  );
}

/** A CORS preflight passes to the upstream: it carries no credentials and asks for nothing. */
export function isPreflight(method: string, headers: RequestHeaders): boolean {
  return (
    method === 'OPTIONS' &&
    headers.get('origin') !== undefined &&
    headers.get('access-control-request-method') !== undefined
  );
}
