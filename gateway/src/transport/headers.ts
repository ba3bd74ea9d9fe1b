import { AppError } from '@ropeline/core/errors.ts';
import type { RequestHeaders } from './http.ts';

/** Header lines in one flat array, name and value by turns: the cheapest copy of them. */
export class HeaderLines implements RequestHeaders {
  readonly #lines: readonly string[];

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  get(name: string): string | undefined {
    const lines = this.#lines;
    let found: string | undefined;
    for (let i = 0; i < lines.length; i += 2) {
      if (lines[i] !== name) continue;
      const value = lines[i + 1] ?? '';
      found = found === undefined ? value : `${found}${name === 'cookie' ? '; ' : ', '}${value}`;
    }
    return found;
  }

  forEach(visit: (name: string, value: string) => void): void {
    const lines = this.#lines;
    for (let i = 0; i < lines.length; i += 2) visit(lines[i] ?? '', lines[i + 1] ?? '');
  }
}

export type Framing = { readonly hasBody: boolean; readonly contentLength: number | undefined };

const noBody: Framing = { hasBody: false, contentLength: 0 };
const chunkedBody: Framing = { hasBody: true, contentLength: undefined };

/**
 * How the body is framed. Throws `bad-request` where two servers in a row could disagree about it: uWebSockets.js
 * takes the first of two lengths and any coding that contains `chunked`.
 */
export function framingOf(lines: readonly string[]): Framing {
  let length: string | undefined;
  let coding: string | undefined;
  let hosts = 0;
  for (let i = 0; i < lines.length; i += 2) {
    const name = lines[i];
    if (name === 'host') hosts += 1;
    else if (name === 'content-length') {
      if (length !== undefined) throw refused('Content-Length');
      length = lines[i + 1] ?? '';
    } else if (name === 'transfer-encoding') {
      if (coding !== undefined) throw refused('Transfer-Encoding');
      coding = lines[i + 1] ?? '';
    }
  }
  if (hosts > 1) throw refused('Host');
  if (coding !== undefined) {
    if (coding !== 'chunked' || length !== undefined) throw refused('Transfer-Encoding');
    return chunkedBody;
  }
  if (length === undefined) return noBody;
  if (!/^\d{1,15}$/.test(length)) throw refused('Content-Length');
  return { hasBody: true, contentLength: Number(length) };
}

function refused(header: string): AppError {
  return new AppError('bad-request', { detail: `The ${header} header is repeated or not supported` });
}
