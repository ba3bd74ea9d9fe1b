import { expect, test } from 'vitest';
import { compileBypass, matchesGlob } from '../../src/data-plane/bypass.ts';
import { cookieValue, setCookie, withoutOwnCookies } from '../../src/data-plane/cookies.ts';
import { addressList, outsideOf } from '../../src/data-plane/forwarded.ts';
import { RoomMatcher } from '../../src/data-plane/match.ts';
import { isCrossSite, isNavigation, isPrefetch, isPreflight } from '../../src/data-plane/origin.ts';
import type { BypassRule } from '../../src/queue/rules.ts';
import { HeaderLines } from '../../src/transport/headers.ts';

const headers = (lines: Record<string, string>): HeaderLines => new HeaderLines(Object.entries(lines).flat());

test.each([
  [{}, false],
  [{ origin: 'https://site.test' }, false],
  [{ origin: 'https://SITE.test:443' }, false],
  [{ origin: 'http://site.test:80' }, false],
  [{ 'sec-fetch-site': 'same-origin', origin: 'https://site.test' }, false],
  [{ 'sec-fetch-site': 'none' }, false],
  [{ origin: 'https://evil.test' }, true],
  [{ origin: 'https://sub.site.test' }, true],
  [{ origin: 'https://site.test.evil.test' }, true],
  [{ origin: 'https://site.test:8443' }, true],
  [{ origin: 'null' }, true],
  [{ origin: '' }, true],
  [{ origin: 'file://site.test' }, true],
  [{ origin: 'https://site.test, https://evil.test' }, true],
  [{ 'sec-fetch-site': 'cross-site' }, true],
  [{ 'sec-fetch-site': 'cross-site', origin: 'https://site.test' }, true],
])('%j is cross-site: %s', (lines, expected) => {
  expect(isCrossSite(headers(lines), 'site.test')).toBe(expected);
});

test.each([
  ['GET', { 'sec-fetch-mode': 'navigate' }, true],
  ['HEAD', { accept: 'text/html,*/*' }, true],
  ['GET', { 'sec-fetch-mode': 'cors', accept: 'text/html' }, false],
  ['POST', { 'sec-fetch-mode': 'navigate' }, false],
  ['GET', { accept: '*/*' }, false],
  ['GET', {}, false],
])('%s with %j is a navigation: %s', (method, lines, expected) => {
  expect(isNavigation(method, headers(lines))).toBe(expected);
});

test('knows prefetches and preflights', () => {
  expect(isPrefetch(headers({ 'sec-purpose': 'prefetch;prerender' }))).toBe(true);
  expect(isPrefetch(headers({ purpose: 'prefetch' }))).toBe(true);
  expect(isPrefetch(headers({}))).toBe(false);
  const asked = { origin: 'https://a.test', 'access-control-request-method': 'PUT' };
  expect(isPreflight('OPTIONS', headers(asked))).toBe(true);
  expect(isPreflight('OPTIONS', headers({ origin: 'https://a.test' }))).toBe(false);
  expect(isPreflight('GET', headers(asked))).toBe(false);
});

test('finds a cookie by its whole name, and takes only its own out', () => {
  const header = 'a=1; xropeline_place=no; ropeline_place=p.q-r; ropeline_entry_demo="t=="; b=2';
  expect(cookieValue(header, 'ropeline_place')).toBe('p.q-r');
  expect(cookieValue(header, 'ropeline_entry_demo')).toBe('t==');
  expect(cookieValue(header, 'place')).toBeUndefined();
  expect(cookieValue(';;=; a', 'a')).toBeUndefined();
  expect(cookieValue(undefined, 'a')).toBeUndefined();
  expect(withoutOwnCookies(header)).toBe('a=1; xropeline_place=no; b=2');
  expect(withoutOwnCookies('ropeline_entry_x=1')).toBeUndefined();
  expect(withoutOwnCookies('a="1"')).toBe('a="1"');
});

test('writes cookies host-only, HttpOnly and Lax, and Secure on HTTPS', () => {
  expect(setCookie('ropeline_place', 'v', { path: '/_ropeline/rooms/demo', secure: true })).toBe(
    'ropeline_place=v; Path=/_ropeline/rooms/demo; HttpOnly; SameSite=Lax; Secure',
  );
  expect(setCookie('a', '', { path: '/', secure: false, maxAgeSeconds: 0 })).toBe(
    'a=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax',
  );
});

test.each([
  ['shop.test', '/', 'shop'],
  ['shop.test', '/sale/x', 'sale'],
  ['shop.test', '/sale', 'sale'],
  ['shop.test', '/sales', 'shop'],
  ['other.test', '/sale/x', 'any'],
  ['other.test', '/api/v2/x', 'api'],
  ['shop.test', '/api/v2/x', 'shop'],
  ['only.test', '/else', 'any'],
])('%s%s belongs to %s', (host, path, room) => {
  const matcher = new RoomMatcher([
    { room: 'any' },
    { room: 'api', paths: ['/api/', '/api/v2'] },
    { room: 'shop', hosts: ['Shop.test'] },
    { room: 'sale', hosts: ['shop.test'], paths: ['/sale/'] },
    { room: 'only', hosts: ['only.test'], paths: ['/here'] },
  ]);
  expect(matcher.find(host, path)).toBe(room);
});

test('no room matches where none takes every path', () => {
  expect(new RoomMatcher([{ room: 'a', paths: ['/a'] }]).find('x', '/b')).toBeUndefined();
  expect(new RoomMatcher([]).find('x', '/')).toBeUndefined();
});

test.each([
  ['*', '', true],
  ['/api/orders*', '/api/orders', true],
  ['/api/orders*', '/api/orders/1/pay', true],
  ['/api/orders', '/api/orders/1', false],
  ['*.png', '/a/b.png', true],
  ['/a*b*c', '/a-b-b-c', true],
  ['/a*b*c', '/a-c-b', false],
  ['/ab*ba', '/aba', false],
  ['/a*a', '/a', false],
  ['**', 'x', true],
  ['/a.b', '/axb', false],
])('glob %s on %s: %s', (glob, text, expected) => {
  expect(matchesGlob(glob, text)).toBe(expected);
});

test('no glob is slow on any text', () => {
  const before = performance.now();
  expect(matchesGlob('*a*a*a*a*a*a*a*a*a*b', 'a'.repeat(100_000))).toBe(false);
  // A search that tries every way would take for ever.
  expect(performance.now() - before).toBeLessThan(20_000);
});

const rules: readonly BypassRule[] = [
  { methods: ['post'], paths: ['/api/orders'], allow: false },
  { paths: ['/api/orders*', '/api/webhooks/*'], allow: true },
  { addresses: ['10.0.0.0/8', '::1'], headers: { 'X-Probe': 'yes*' }, allow: true },
  { crawlers: true, methods: ['GET'], allow: true },
];

test.each([
  ['POST', '/api/orders', '9.9.9.9', {}, false],
  ['GET', '/api/orders', '9.9.9.9', {}, true],
  ['POST', '/api/orders/1/pay', '9.9.9.9', {}, true],
  ['POST', '/api/offers', '9.9.9.9', {}, false],
  ['GET', '/x', '10.1.2.3', { 'x-probe': 'yes, please' }, true],
  ['GET', '/x', '::1', { 'x-probe': 'yes' }, true],
  ['GET', '/x', '10.1.2.3', {}, false],
  ['GET', '/x', '11.1.2.3', { 'x-probe': 'yes' }, false],
  ['GET', '/x', '9.9.9.9', { 'user-agent': 'Mozilla/5.0 (compatible; Googlebot/2.1)' }, true],
  ['POST', '/x', '9.9.9.9', { 'user-agent': 'Googlebot/2.1' }, false],
  ['GET', '/x', 'garbage', { 'user-agent': 'curl' }, false],
])('%s %s from %s with %j passes without a turn: %s', (method, path, address, lines, expected) => {
  expect(compileBypass(rules)({ method, path, address, headers: headers(lines) })).toBe(expected);
});

const view = (peer: string, lines: Record<string, string>) => ({
  method: 'GET',
  path: '/',
  query: '',
  peer,
  headers: headers({ host: 'inner:8080', ...lines }),
});
const forwarded = {
  'x-forwarded-for': '6.6.6.6, 1.2.3.4, 10.0.0.2',
  'x-forwarded-proto': 'http, https',
  'x-forwarded-host': 'shop.test',
};

test('believes nothing that an untrusted peer says about itself', () => {
  expect(outsideOf(view('9.9.9.9', forwarded), addressList(['10.0.0.0/8']))).toEqual({
    address: '9.9.9.9',
    proto: 'http',
    host: 'inner:8080',
    forwardedFor: '9.9.9.9',
  });
});

test('takes of a trusted peer’s word the last address that is not a trusted proxy’s', () => {
  expect(outsideOf(view('10.0.0.1', forwarded), addressList(['10.0.0.0/8']))).toEqual({
    address: '1.2.3.4',
    proto: 'https',
    host: 'shop.test',
    forwardedFor: '6.6.6.6, 1.2.3.4, 10.0.0.2, 10.0.0.1',
  });
  expect(outsideOf(view('10.0.0.1', {}), addressList(['10.0.0.1'])).address).toBe('10.0.0.1');
});

test.each(['10.0.0.0/33', 'example.test', '10.0.0.0/x', ''])('refuses %j as a proxy address', (entry) => {
  expect(() => addressList([entry])).toThrow('neither an address nor a network');
});
