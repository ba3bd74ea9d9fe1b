import { entryCookie, entryHeader, placeCookie, testCookie } from '@ropeline/core/protocol/entry.ts';
import type { RequestHeaders } from '../transport/http.ts';
import { cookieValue, setCookie } from './cookies.ts';

/** Thirty days: a pre-queue may last for days, and a ticket of a room that is over is refused anyway. */
const placeCookieSeconds = 30 * 86_400;
const testCookieSeconds = 600;

/** The place ticket of a request: bearer token before cookie. */
export function placeTicketOf(headers: RequestHeaders): string | undefined {
  return bearerOf(headers.get('authorization')) ?? cookieValue(headers.get('cookie'), placeCookie);
}

function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  if (authorization.startsWith('Bearer ') && !authorization.includes(' ', 7)) return authorization.slice(7);
  return /^Bearer +([^ ]+)$/i.exec(authorization)?.[1];
}

export function hasTestCookie(headers: RequestHeaders): boolean {
  return cookieValue(headers.get('cookie'), testCookie) === '1';
}

export type EntryCredential = { readonly token: string; readonly from: 'header' | 'cookie' };

/** The entry token of a request for a room: header before cookie. */
export function entryTokenOf(headers: RequestHeaders, room: string): EntryCredential | undefined {
  const header = headers.get(entryHeader);
  if (header !== undefined) return { token: header, from: 'header' };
  const cookie = cookieValue(headers.get('cookie'), entryCookie(room));
  return cookie === undefined ? undefined : { token: cookie, from: 'cookie' };
}

export function setPlaceCookie(room: string, ticket: string, secure: boolean): string {
  return setCookie(placeCookie, ticket, {
    path: `/_ropeline/rooms/${room}`,
    secure,
    maxAgeSeconds: placeCookieSeconds,
  });
}

/** `deadline` in Unix ms: the cookie goes with the session. */
export function setEntryCookie(room: string, token: string, deadline: number, secure: boolean): string {
  const maxAgeSeconds = Math.max(0, (deadline - Date.now()) / 1_000);
  return setCookie(entryCookie(room), token, { path: '/', secure, maxAgeSeconds });
}

/** Set on the whole of the gateway's own paths, so that `page` and `enter` of every room see it. */
export function setTestCookie(secure: boolean): string {
  return setCookie(testCookie, '1', { path: '/_ropeline', secure, maxAgeSeconds: testCookieSeconds });
}
