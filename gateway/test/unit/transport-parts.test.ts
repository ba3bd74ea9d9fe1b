import { expect, test } from 'vitest';
import { connectionLimit } from '../../src/transport/connection-limit.ts';
import { framingOf, HeaderLines } from '../../src/transport/headers.ts';
import { peerOf } from '../../src/transport/raw.ts';

test('joins repeated headers and cookies as lists, so that no reader picks one of two', () => {
  const headers = new HeaderLines(['cookie', 'a=1', 'accept', 'x', 'cookie', 'b=2', 'accept', 'y']);
  expect(headers.get('cookie')).toBe('a=1; b=2');
  expect(headers.get('accept')).toBe('x, y');
  expect(headers.get('host')).toBeUndefined();
  const lines: string[] = [];
  headers.forEach((name, value) => {
    lines.push(`${name}=${value}`);
  });
  expect(lines).toEqual(['cookie=a=1', 'accept=x', 'cookie=b=2', 'accept=y']);
});

test.each([
  [[], { hasBody: false, contentLength: 0 }],
  [['host', 'a', 'content-length', '12'], { hasBody: true, contentLength: 12 }],
  [['transfer-encoding', 'chunked'], { hasBody: true, contentLength: undefined }],
])('reads the framing of %j', (lines, framing) => {
  expect(framingOf(lines)).toEqual(framing);
});

test.each([
  [['content-length', '1', 'content-length', '1']],
  [['content-length', '1e3']],
  [['content-length', '9'.repeat(16)]],
  [['transfer-encoding', 'Chunked']],
  [['transfer-encoding', 'chunked', 'content-length', '1']],
  [['host', 'a', 'host', 'a']],
])('refuses the framing of %j', (lines) => {
  expect(() => framingOf(lines)).toThrow(expect.objectContaining({ code: 'bad-request' }));
});

test.each([
  ['0000:0000:0000:0000:0000:ffff:c0a8:010f', '192.168.1.15'],
  ['0000:0000:0000:0000:0000:0000:0000:0001', '0000:0000:0000:0000:0000:0000:0000:0001'],
  ['127.0.0.1', '127.0.0.1'],
])('shows the peer %s as %s', (text, peer) => {
  const bytes = new TextEncoder().encode(text);
  expect(peerOf({ getRemoteAddressAsText: () => bytes.buffer })).toBe(peer);
});

test.each([
  ['Max open files            20000                20000                files', 18_000],
  ['Max open files            1024                 4096                 files', 896],
  ['Max open files            64                   64                   files', 16],
  ['Max open files            unlimited            unlimited            files', 896],
  ['', 896],
])('keeps room below the descriptor limit of %j', (limits, most) => {
  expect(connectionLimit(limits)).toBe(most);
});
