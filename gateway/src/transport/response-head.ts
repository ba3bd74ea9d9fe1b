import { STATUS_CODES } from 'node:http';
import { AppError } from '@ropeline/core/errors.ts';
import type { Header } from './http.ts';
import type { RawResponse } from './raw.ts';

const statusLines: readonly string[] = Array.from(
  { length: 600 },
  (_, status) => `${status} ${STATUS_CODES[status] ?? 'Unknown'}`,
);
const unsafe = /[\r\n\0]/;

/** Headers that never change, checked once, with the text of all of them as one value. */
const fixed = new WeakMap<readonly Header[], { readonly name: string; readonly rest: string }>();

/**
 * Headers for many answers: given to `respond` as they are, they are written in one call instead of one each, because
 * each call over to the server costs what the writing does.
 */
export function fixedHeaders(headers: readonly [Header, ...Header[]]): readonly Header[] {
  assertSafe(headers);
  const [[name, value], ...others] = headers;
  fixed.set(headers, { name, rest: [value, ...others.map((line) => line.join(': '))].join('\r\n') });
  return headers;
}

/** uWebSockets.js writes header values as they are: a line break in one would begin a header or an answer of its own. */
export function assertSafe(headers: readonly Header[]): void {
  if (fixed.has(headers)) return;
  for (const [name, value] of headers) {
    if (unsafe.test(value) || unsafe.test(name)) {
      throw new AppError('internal-error', { cause: new Error('a header value contains a line break') });
    }
  }
}

/**
 * Status and headers. The connection is closed by the server after some 8-10 s without a request, so clients are
 * told to stop reusing it well before.
 */
export function writeHead(
  raw: RawResponse,
  status: number,
  headers: readonly Header[],
  closing: boolean,
): void {
  // 200 OK is what the server writes by itself.
  if (status !== 200) raw.writeStatus(statusLines[status] ?? `${status} Unknown`);
  const known = fixed.get(headers);
  if (known !== undefined) {
    raw.writeHeader(known.name, closing ? known.rest : `${known.rest}\r\nKeep-Alive: timeout=5`);
    return;
  }
  for (const [name, value] of headers) raw.writeHeader(name, value);
  if (!closing) raw.writeHeader('Keep-Alive', 'timeout=5');
}

/** Answers that have no body whatever the caller has: to HEAD, and by status. */
export function isBodyless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304;
}

/**
 * Ends an answer without a body. `endWithoutBody` takes no argument here: given a length it waits for that many
 * bytes, and given none but the wish to close it invents one (both tried). So length and wish go as headers.
 */
export function endBodyless(
  raw: RawResponse,
  status: number,
  length: number | undefined,
  closing: boolean,
): void {
  if (length !== undefined && status !== 204) raw.writeHeader('Content-Length', String(length));
  if (closing) raw.writeHeader('Connection', 'close');
  raw.endWithoutBody();
}
