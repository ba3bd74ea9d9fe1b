import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import { rawClient, request } from '../support/raw-client.ts';
import { origin, proxyTo } from '../support/test-proxy.ts';

const piece = randomBytes(64 * 1024);
const pieces = 3_200;
const totalBytes = piece.length * pieces;
const digest = (() => {
  const hash = createHash('sha256');
  for (let i = 0; i < pieces; i++) hash.update(piece);
  return hash.digest('hex');
})();
const allPieces = function* (): Generator<Buffer> {
  for (let i = 0; i < pieces; i++) yield piece;
};
/** 200 MB pass through; what the proxy, its client and its upstream, all in this process, keep is far below. */
const mostKeptBytes = 140 * 1024 * 1024;

async function mostMemory(work: Promise<unknown>): Promise<number> {
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  let done = false;
  const over = work.finally(() => {
    done = true;
  });
  await until(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    return done;
  });
  await over;
  return most;
}

async function digestOf(body: AsyncIterable<Uint8Array>, slowly: boolean): Promise<string> {
  const hash = createHash('sha256');
  let chunks = 0;
  for await (const chunk of body) {
    hash.update(chunk);
    chunks += 1;
    if (slowly && chunks % 200 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return hash.digest('hex');
}

test.each([
  ['of known length', { 'content-length': totalBytes }],
  ['in chunks', {}],
])('brings 200 MB down %s byte for byte in bounded memory', async (_, headers) => {
  const { port } = await origin((_req, res) => {
    res.writeHead(200, headers);
    Readable.from(allPieces(), { objectMode: false }).pipe(res);
  });
  const proxy = await proxyTo(port);
  const download = fetch(proxy.url).then(async (answer) => {
    if (answer.body === null) throw new Error('no body');
    return digestOf(answer.body, true);
  });
  expect(await mostMemory(download)).toBeLessThan(mostKeptBytes);
  expect(await download).toBe(digest);
  await until(() => proxy.outcomes.length > 0);
  expect(proxy.outcomes).toMatchObject([{ status: 200, result: 'answered' }]);
});

test.each([
  ['of known length', { 'content-length': String(totalBytes) }],
  ['in chunks', {}],
])('brings 200 MB up %s byte for byte, as fast as the upstream takes it', async (_, headers) => {
  const { port } = await origin((req, res) => {
    digestOf(req, true).then(
      (found) => res.end(found),
      () => res.destroy(),
    );
  });
  const proxy = await proxyTo(port);
  const { request: send } = await import('undici');
  const upload = send(proxy.url, {
    method: 'POST',
    body: Readable.from(allPieces(), { objectMode: false }),
    headers,
  }).then(({ body }) => body.text());
  expect(await mostMemory(upload)).toBeLessThan(mostKeptBytes);
  expect(await upload).toBe(digest);
});

test('stops reading the upstream while its client does not take the answer', async () => {
  let written = 0;
  const { port } = await origin((_, res) => {
    const more = (): void => {
      while (written < totalBytes) {
        written += piece.length;
        if (!res.write(piece)) return;
      }
      res.end();
    };
    res.on('drain', more);
    more();
  });
  const proxy = await proxyTo(port);
  const client = await rawClient(proxy.port);
  client.socket.pause();
  client.send(request('GET', '/'));
  // Every buffer on the way fills up, and then nothing moves any more.
  let last = -1;
  let still = 0;
  await until(() => {
    still = written === last ? still + 1 : 0;
    last = written;
    return written > 0 && still >= 10;
  });
  expect(written).toBeLessThan(totalBytes / 4);
});

test('closes the client’s connection when the upstream dies in the middle of a body', async () => {
  const { port } = await origin((req, res) => {
    res.writeHead(200, req.url === '/length' ? { 'content-length': 10_000_000 } : {});
    res.write('the beginning', () => setImmediate(() => res.destroy()));
  });
  const proxy = await proxyTo(port);
  for (const path of ['/length', '/chunks']) {
    const client = await rawClient(proxy.port);
    const text = await client.send(request('GET', path)).isClosed();
    expect(text).toContain('the beginning');
    expect(text).not.toContain('\r\n0\r\n');
  }
  await until(() => proxy.outcomes.length === 2);
  expect(proxy.outcomes.map(({ result }) => result)).toEqual(['failed', 'failed']);
});

test('answers 502 when the upstream dies in the middle of a small body that was not passed on yet', async () => {
  const { port } = await origin((_, res) => {
    res.writeHead(200, { 'content-length': 100 });
    res.write('the beginning', () => setImmediate(() => res.destroy()));
  });
  const proxy = await proxyTo(port);
  expect((await fetch(proxy.url)).status).toBe(502);
});

test('sends the pieces of a slow answer as they come', async () => {
  let next = (_: string): void => undefined;
  const { port } = await origin((_, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    next = (text) => res.write(text);
    res.flushHeaders();
  });
  const proxy = await proxyTo(port);
  const client = await rawClient(proxy.port);
  client.send(request('GET', '/events'));
  await until(() => proxy.upstream.running === 1);
  await until(() => {
    next('data: one\n\n');
    return client.text.includes('data: one');
  });
  next('data: two\n\n');
  expect(await client.sees('data: two')).toContain('text/event-stream');
});

test('passes an early refusal of an upload on, and an upload whose client leaves is ended', async () => {
  let aborted = 0;
  const { port } = await origin((req, res) => {
    if (req.url === '/refused') {
      res.writeHead(413, { connection: 'close' });
      res.end('too much');
      return;
    }
    req.resume();
    req.on('close', () => {
      aborted += req.complete ? 0 : 1;
    });
  });
  const proxy = await proxyTo(port);
  const refused = await rawClient(proxy.port);
  refused.send(request('POST', '/refused', ['Content-Length: 5000000'], 'x'.repeat(100_000)));
  expect(await refused.sees('too much')).toContain('413');
  const leaver = await rawClient(proxy.port);
  leaver.send(request('POST', '/taken', ['Content-Length: 5000000'], 'x'.repeat(100_000)));
  await until(() => proxy.upstream.running === 1);
  leaver.socket.destroy();
  await until(() => aborted === 1 && proxy.upstream.running === 0);
});
