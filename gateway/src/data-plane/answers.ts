import type { Exchange, Header } from '../transport/http.ts';
import { fixedHeaders } from '../transport/response-head.ts';

const jsonHeaders = fixedHeaders([
  ['content-type', 'application/json'],
  ['cache-control', 'no-store'],
]);

export function respondJson(
  exchange: Exchange,
  status: number,
  body: unknown,
  more: readonly Header[] = [],
): void {
  respondJsonText(exchange, status, JSON.stringify(body), more);
}

/** For JSON that was written already. */
export function respondJsonText(
  exchange: Exchange,
  status: number,
  text: string,
  more: readonly Header[] = [],
): void {
  exchange.respond(status, more.length === 0 ? jsonHeaders : [...jsonHeaders, ...more], text);
}

/** 303 after a form or a way in, 302 for what else is sent elsewhere. Never cached. */
export function redirect(
  exchange: Exchange,
  status: 302 | 303,
  to: string,
  more: readonly Header[] = [],
): void {
  exchange.respond(status, [['location', to], ['cache-control', 'no-store'], ...more]);
}

/** The address of the room's page or way in, with where to go afterwards. */
export function roomAddress(room: string, door: 'page' | 'enter', to: string): string {
  return `/_ropeline/rooms/${room}/${door}?to=${encodeURIComponent(to)}`;
}

export function queryOf(exchange: { readonly query: string }): URLSearchParams {
  return new URLSearchParams(exchange.query);
}
