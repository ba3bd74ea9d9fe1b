import type { Exchange, Header } from '../transport/http.ts';
import { withoutOwnCookies } from './cookies.ts';
import type { Outside } from './forwarded.ts';

/** Meant for the next hop only (RFC 9110, 7.6.1, and what older servers treat so), or written anew by each hop. */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
];
/**
 * `expect` was answered by the server itself; the others are the client's word about who it is, or (read by some
 * frameworks in place of the request's path) about what it asked for, which is not what bypass rules have judged.
 */
const notForUpstream = new Set([
  ...hopByHop,
  'expect',
  'host',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-real-ip',
  'x-original-url',
  'x-rewrite-url',
]);
/** The server writes a date of its own. */
const notForClient = new Set([...hopByHop, 'date']);
const ownHeaderPrefix = 'x-ropeline-';
const beyondAscii = /[^\t -~]/;

/** Names and values by turns, as undici takes them. */
export function headersForUpstream(
  exchange: Exchange,
  outside: Outside,
  entryToken: string | undefined,
): string[] {
  const lines: string[] = [
    'host',
    exchange.headers.get('host') ?? '',
    'x-forwarded-for',
    outside.forwardedFor,
    'x-forwarded-proto',
    outside.proto,
    'x-forwarded-host',
    outside.host,
  ];
  const named = namedByConnection(exchange.headers.get('connection'));
  exchange.headers.forEach((name, value) => {
    if (notForUpstream.has(name) || name.startsWith(ownHeaderPrefix) || named?.has(name)) return;
    const kept = name === 'cookie' ? withoutOwnCookies(value) : value;
    if (kept !== undefined) lines.push(name, asBytes(kept));
  });
  if (entryToken !== undefined) lines.push('x-ropeline-entry', entryToken);
  if (exchange.contentLength !== undefined && exchange.hasBody) {
    lines.push('content-length', String(exchange.contentLength));
  }
  return lines;
}

export type UpstreamHead = { readonly headers: readonly Header[]; readonly length: number | undefined };

/** From undici's raw lines. Repeated headers stay repeated, in order. */
export function headersForClient(lines: readonly (Buffer | string)[]): UpstreamHead {
  const headers: Header[] = [];
  let length: number | undefined;
  let connection: string | undefined;
  for (let i = 0; i < lines.length; i += 2) {
    const name = String(lines[i]);
    const lower = name.toLowerCase();
    const value = String(lines[i + 1]);
    if (lower === 'content-length') length = Number(value);
    else if (lower === 'connection') connection = connection === undefined ? value : `${connection},${value}`;
    if (!notForClient.has(lower)) headers.push([name, value]);
  }
  const named = namedByConnection(connection);
  if (named === undefined) return { headers, length };
  return { headers: headers.filter(([name]) => !named.has(name.toLowerCase())), length };
}

function namedByConnection(connection: string | undefined): Set<string> | undefined {
  if (connection === undefined) return undefined;
  const lower = connection.toLowerCase();
  if (lower === 'keep-alive' || lower === 'close') return undefined;
  return new Set(lower.split(',').map((name) => name.trim()));
}

/** The transport reads UTF-8 and undici writes Latin-1: this gives the upstream the bytes that the client sent. */
export function asBytes(text: string): string {
  return beyondAscii.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}
