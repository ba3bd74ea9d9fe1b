import { expect, test } from 'vitest';
import { hostName, readPath, safeTarget } from '../../src/data-plane/path.ts';

test.each([
  ['/', '/', '/'],
  ['/a/b', '/a/b', '/a/b'],
  ['/a%20b/%ED%91%9C', '/a b/표', '/a%20b/%ED%91%9C'],
  ['/a/./b', '/a/b', '/a/b'],
  ['/a/../b', '/b', '/b'],
  ['/a/%2e%2E/b', '/b', '/b'],
  ['/a/b/..', '/a/', '/a/'],
  ['/a/.', '/a/', '/a/'],
  ['/a/..', '/', '/'],
  ['/%252e%252e/b', '/%2e%2e/b', '/%252e%252e/b'],
  ['/%252fb', '/%2fb', '/%252fb'],
  ['/.well-known/x', '/.well-known/x', '/.well-known/x'],
  ['/a..b/...', '/a..b/...', '/a..b/...'],
  ['/a;v=1/b', '/a;v=1/b', '/a;v=1/b'],
  ['/%b0%a1', '/��', '/%b0%a1'],
  ['/é', '/é', '/é'],
])('reads %s as %s and passes %s on', (path, decoded, raw) => {
  expect(readPath(path)).toEqual({ decoded, raw });
});

test.each([
  '/a%2fb',
  '/a%2Fb',
  '/%00',
  '/a%00/b',
  '//',
  '//evil.test/x',
  '/a//b',
  '/..',
  '/../a',
  '/a/../../b',
  '/%2e%2e/b',
  '/.%2e',
  '/a\\b',
  '/a%5cb',
  '/a/..;/b',
  '/a/%2e%2e;x=1/b',
])('calls %s ambiguous', (path) => {
  expect(() => readPath(path)).toThrow(expect.objectContaining({ code: 'ambiguous-path', status: 400 }));
});

test.each(['/%', '/%zz', '/a%2', '/a%0d%0ab', '/%7f'])('calls %s malformed', (path) => {
  expect(() => readPath(path)).toThrow(expect.objectContaining({ code: 'bad-request' }));
});

test('never lets a path through that reads differently the second time', () => {
  const parts = ['a', '.', '..', '%2e', '%2E%2e', '', 'b%20c', '%25', ';x', '..;', '%2f', 'é', '%ff'];
  let read = 0;
  let refused = 0;
  for (let seed = 0; seed < 20_000; seed++) {
    let n = seed * 2_654_435_761;
    const path = `/${Array.from({ length: 1 + (seed % 5) }, () => {
      n = (n * 1_103_515_245 + 12_345) % 2_147_483_648;
      return parts[Math.floor(n / 65_536) % parts.length];
    }).join('/')}`;
    try {
      const { decoded, raw } = readPath(path);
      read += 1;
      expect(readPath(raw)).toEqual({ decoded, raw });
      expect(decoded.split('/')).not.toContain('..');
      expect(raw).not.toMatch(/\/\/|%2f|\\/i);
      expect(new URL(raw, 'http://site.test').pathname.split('/')).toHaveLength(raw.split('/').length);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      refused += 1;
    }
  }
  expect(read).toBeGreaterThan(1_000);
  expect(refused).toBeGreaterThan(1_000);
});

test.each([
  ['Shop.Example:8080', 'shop.example'],
  ['shop.example.', 'shop.example'],
  ['[::1]:80', '[::1]'],
  ['127.0.0.1', '127.0.0.1'],
  ['', ''],
])('names the host %s as %s', (host, name) => {
  expect(hostName(host)).toBe(name);
});

test.each(['/', '/offers/1', '/a?u=http://x//y&b=%2f', '/a#part', '/%ED%91%9C'])('goes to %s', (to) => {
  expect(safeTarget(to)).toBe(to);
});

test.each([
  undefined,
  '',
  'a',
  'https://evil.test/',
  'javascript:alert(1)',
  '//evil.test',
  '/\\evil.test',
  '\\\\evil.test',
  '/a\\b',
  '/\t/evil.test',
  '/\n/evil.test',
  '/a\r\nSet-Cookie: x=1',
  '/a b',
  '/a/../..//evil.test',
  '/%2f/evil.test',
  '/_ropeline/rooms/demo/enter',
  '/x/../_ropeline/rooms/demo/page',
  '/%5fropeline/rooms/demo/enter',
  `/${'a'.repeat(2_048)}`,
])('does not go to %j', (to) => {
  expect(safeTarget(to)).toBeUndefined();
});

test('sends a browser nowhere but to the same origin', () => {
  const parts = [
    '/',
    '\\',
    '.',
    '..',
    '@',
    ':',
    'evil.test',
    'http',
    '\t',
    '\n',
    '%2f',
    '?',
    '#',
    '%09',
    ' ',
  ];
  for (let seed = 0; seed < 50_000; seed++) {
    let n = seed * 2_654_435_761 + 1;
    const to = Array.from({ length: 1 + (seed % 6) }, () => {
      n = (n * 1_103_515_245 + 12_345) % 2_147_483_648;
      return parts[Math.floor(n / 65_536) % parts.length];
    }).join('');
    const target = safeTarget(to);
    if (target !== undefined) expect(new URL(target, 'https://site.test').origin).toBe('https://site.test');
  }
});
