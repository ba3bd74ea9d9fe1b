import type { BlockList } from 'node:net';
import type { BypassRule } from '../queue/rules.ts';
import type { RequestHeaders } from '../transport/http.ts';
import { addressList, contains } from './forwarded.ts';

export type BypassRequest = {
  readonly method: string;
  readonly path: string;
  readonly address: string;
  readonly headers: RequestHeaders;
};

/** True: passes without a turn. The first rule that matches decides; without one nothing passes. */
export type Bypass = (request: BypassRequest) => boolean;

/** Throws on an address that is none. */
export function compileBypass(rules: readonly BypassRule[]): Bypass {
  const compiled = rules.map(compileRule);
  return (request) => compiled.find((rule) => rule.matches(request))?.allow ?? false;
}

type Compiled = { readonly allow: boolean; readonly matches: (request: BypassRequest) => boolean };

function compileRule(rule: BypassRule): Compiled {
  const methods = rule.methods === undefined ? undefined : new Set(rule.methods.map((m) => m.toUpperCase()));
  const addresses: BlockList | undefined = rule.addresses && addressList(rule.addresses);
  const headers = Object.entries(rule.headers ?? {}).map(
    ([name, glob]) => [name.toLowerCase(), glob] as const,
  );
  return {
    allow: rule.allow,
    matches: (request) =>
      (methods?.has(request.method) ?? true) &&
      (rule.paths?.some((glob) => matchesGlob(glob, request.path)) ?? true) &&
      (addresses === undefined || contains(addresses, request.address)) &&
      headers.every(([name, glob]) => {
        const value = request.headers.get(name);
        return value !== undefined && matchesGlob(glob, value);
      }) &&
      (rule.crawlers === undefined || rule.crawlers === isCrawler(request.headers.get('user-agent'))),
  };
}

/** `*` = any characters, also none. Linear in the text, so that no path makes it slow. */
export function matchesGlob(glob: string, text: string): boolean {
  const parts = glob.split('*');
  const first = parts.shift() ?? '';
  const last = parts.pop();
  if (last === undefined) return text === first;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  let from = first.length;
  const end = text.length - last.length;
  for (const part of parts) {
    const at = text.indexOf(part, from);
    if (at === -1 || at + part.length > end) return false;
    from = at + part.length;
  }
  return true;
}

const crawlers =
  /\b(googlebot|bingbot|yandexbot|baiduspider|duckduckbot|applebot|yeti|daum|naverbot|slurp)\b/i;

function isCrawler(userAgent: string | undefined): boolean {
  return userAgent !== undefined && crawlers.test(userAgent);
}
