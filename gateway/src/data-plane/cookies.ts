import { entryCookie, placeCookie } from '@ropeline/core/protocol/entry.ts';

const entryCookiePrefix = entryCookie('');

/** The value of the first cookie of that name. Values are taken as they are: ours need no decoding. */
export function cookieValue(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  let from = 0;
  while (from < header.length) {
    let to = header.indexOf(';', from);
    if (to === -1) to = header.length;
    const equals = header.indexOf('=', from);
    if (equals !== -1 && equals < to && header.slice(from, equals).trim() === name) {
      const value = header.slice(equals + 1, to).trim();
      return value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1) : value;
    }
    from = to + 1;
  }
  return undefined;
}

/** The header without the gateway's own cookies; undefined if nothing is left. The rest stays as it is. */
export function withoutOwnCookies(header: string): string | undefined {
  if (!header.includes('ropeline_')) return header;
  const kept = header.split(';').filter((part) => {
    const name = part.trimStart();
    return !name.startsWith(`${placeCookie}=`) && !name.startsWith(entryCookiePrefix);
  });
  const left = kept.join(';').trim();
  return left === '' ? undefined : left;
}

type CookieOptions = {
  readonly path: string;
  readonly secure: boolean;
  /** Absent: until the browser closes. 0 deletes it. */
  readonly maxAgeSeconds?: number;
};

/** A `Set-Cookie` value: host-only (no Domain), HttpOnly, SameSite=Lax. */
export function setCookie(name: string, value: string, options: CookieOptions): string {
  const age = options.maxAgeSeconds === undefined ? '' : `; Max-Age=${Math.floor(options.maxAgeSeconds)}`;
  return `${name}=${value}; Path=${options.path}${age}; HttpOnly; SameSite=Lax${options.secure ? '; Secure' : ''}`;
}
