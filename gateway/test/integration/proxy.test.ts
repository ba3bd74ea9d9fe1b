import { createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { freePort } from '../../../scripts/services/free-port.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { rawClient, request } from '../support/raw-client.ts';
import { origin, proxyTo } from '../support/test-proxy.ts';

test('hands the upstream method, path, query, body and headers, without what is the hop’s or the gateway’s own', async () => {
  let got: { method?: string; url?: string; raw: string[]; body: string } | undefined;
  const { port } = await origin((req, res) => {
    let body = '';
    req.on('data', (chunk) => {
      body += String(chunk);
    });
    req.on('end', () => {
      got = { method: req.method ?? '', url: req.url ?? '', raw: req.rawHeaders, body };
      res.end('ok');
    });
  });
  const proxy = await proxyTo(port, {}, { entryToken: 'the-token' });
  const client = await rawClient(proxy.port);
  const headers = [
    'Connection: keep-alive, X-Hop',
    'X-Hop: 1',
    'TE: trailers',
    'Proxy-Authorization: secret',
    'X-Ropeline-Entry: forged',
    'X-Forwarded-For: 9.9.9.9',
    'X-Real-IP: 9.9.9.9',
    'Forwarded: for=9.9.9.9',
    'Expect: 100-continue',
    'Cookie: a=1; ropeline_entry_demo=t; b=2; ropeline_place=p',
    'Accept: a',
    'Accept: b',
    'X-Name: x\u00c3\u00a9y',
    'Content-Length: 5',
  ];
  await client.send(request('PUT', '/p%20q/r?x=1&y=%2F', headers, 'hello')).sees('ok');
  expect(got).toMatchObject({ method: 'PUT', url: '/p%20q/r?x=1&y=%2F', body: 'hello' });
  const lines = got?.raw.flatMap((name, i, raw) => (i % 2 === 0 ? [`${name}: ${raw[i + 1]}`] : []));
  expect(lines?.sort()).toEqual([
    'accept: a',
    'accept: b',
    'connection: keep-alive',
    'content-length: 5',
    'cookie: a=1; b=2',
    'host: site.test',
    'x-forwarded-for: 127.0.0.1',
    'x-forwarded-host: site.test',
    'x-forwarded-proto: http',
    'x-name: x\u00c3\u00a9y',
    'x-ropeline-entry: the-token',
  ]);
});

test('hands the client status, repeated cookies and compressed bytes as they are, without the upstream’s hop', async () => {
  const packed = gzipSync('hello '.repeat(1000));
  const { port } = await origin((_, res) => {
    res.writeHead(201, [
      ['Set-Cookie', 'a=1; Path=/'],
      ['Set-Cookie', 'b=2'],
      ['Content-Encoding', 'gzip'],
      ['Content-Length', String(packed.length)],
      ['Connection', 'keep-alive, X-Hop'],
      ['X-Hop', '1'],
      ['Keep-Alive', 'timeout=99'],
    ] as unknown as string[]);
    res.end(packed);
  });
  const added = ['X-Ropeline-Command', 'none'] as const;
  const proxy = await proxyTo(port, {}, { onResponseHeaders: (_, headers) => [...headers, added] });
  const answer = await fetch(proxy.url);
  expect(answer.status).toBe(201);
  expect(await answer.text()).toBe('hello '.repeat(1000));
  expect(answer.headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2']);
  expect(answer.headers.get('x-ropeline-command')).toBe('none');
  const client = await rawClient(proxy.port);
  const text = await client.send(request('HEAD', '/')).sees('\r\n\r\n');
  expect(text).not.toMatch(/X-Hop|timeout=99/);
  expect(text).toContain(`Content-Length: ${packed.length}\r\n`);
  expect(text.match(/^Date:/gm)).toHaveLength(1);
  await until(() => proxy.outcomes.length === 2);
  expect(proxy.outcomes.map(({ status, result }) => [status, result])).toEqual([
    [201, 'answered'],
    [201, 'answered'],
  ]);
});

test('keeps the connection of answers without a body usable: HEAD, 204, 304, and after 103', async () => {
  const { port } = await origin((req, res) => {
    if (req.url === '/early') res.writeEarlyHints({ link: '</a.css>; rel=preload' });
    res.statusCode = req.url === '/204' ? 204 : req.url === '/304' ? 304 : 200;
    res.end(req.method === 'GET' && res.statusCode === 200 ? 'body' : undefined);
  });
  const proxy = await proxyTo(port);
  const client = await rawClient(proxy.port);
  let answers = 0;
  for (const [method, path] of [
    ['HEAD', '/'],
    ['GET', '/204'],
    ['GET', '/304'],
    ['GET', '/early'],
  ] as const) {
    answers += 1;
    client.send(request(method, path));
    await until(() => client.count('\r\n\r\n') === answers);
  }
  expect(await client.sees('body')).toMatch(/200[\s\S]*204 No[\s\S]*304 Not[\s\S]*200 OK[\s\S]*body$/);
  expect(client.text).not.toContain('103');
});

test('answers 502 where nobody listens, and where the upstream talks no HTTP', async () => {
  const proxy = await proxyTo(await freePort());
  const refused = await fetch(proxy.url, { method: 'POST', body: 'x' });
  expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([502, 'bad-gateway']);
  await until(() => proxy.outcomes.length === 1);
  expect(proxy.outcomes).toMatchObject([{ status: undefined, result: 'failed' }]);

  const babble = cleanedUp(
    createServer((socket) => socket.end('no http at all\r\n\r\n')),
    (it) => it.close(),
  );
  await new Promise<void>((resolve) => babble.listen(0, '127.0.0.1', resolve));
  const address = babble.address();
  const confused = await proxyTo(typeof address === 'object' && address !== null ? address.port : 0);
  expect((await fetch(confused.url)).status).toBe(502);
});

test('answers 504 to an upstream that does not answer in time', async () => {
  const { port } = await origin(() => undefined);
  const proxy = await proxyTo(port, { headersTimeoutMs: 300 });
  const answer = await fetch(proxy.url);
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([504, 'gateway-timeout']);
  await until(() => proxy.outcomes.length === 1 && proxy.upstream.running === 0);
  expect(proxy.outcomes).toMatchObject([{ result: 'timeout' }]);
});

test('asks the upstream no more at once than it may, lets some wait, and refuses the rest with Retry-After', async () => {
  let now = 0;
  let most = 0;
  const held: (() => void)[] = [];
  const { port } = await origin((_, res) => {
    now += 1;
    most = Math.max(most, now);
    held.push(() => {
      now -= 1;
      res.end('ok');
    });
  });
  const proxy = await proxyTo(port, { connections: 3, waiting: 2, waitMs: 60_000 });
  const answers = Array.from({ length: 8 }, () => fetch(proxy.url));
  const refused = await Promise.race(answers);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  await until(() => held.length === 3 && proxy.upstream.waiting === 2);
  await until(() => {
    held.shift()?.();
    return proxy.outcomes.length === 8;
  });
  const statuses = (await Promise.all(answers)).map((answer) => answer.status).sort();
  expect(statuses).toEqual([200, 200, 200, 200, 200, 503, 503, 503]);
  expect(most).toBe(3);
  await until(() => proxy.upstream.running === 0);
});

test('refuses who waits too long, and forgets who left while waiting', async () => {
  let asked = 0;
  let answer = (): void => undefined;
  const { port } = await origin((_, res) => {
    asked += 1;
    answer = () => res.end('ok');
  });
  const proxy = await proxyTo(port, { connections: 1, waiting: 10, waitMs: 5_000 });
  const first = fetch(proxy.url);
  await until(() => asked === 1);
  const leaver = await rawClient(proxy.port);
  leaver.send(request('GET', '/'));
  await until(() => proxy.upstream.waiting === 1);
  leaver.socket.destroy();
  await until(() => proxy.upstream.waiting === 0);
  const late = await fetch(proxy.url);
  expect([late.status, ((await late.json()) as { code: string }).code]).toEqual([503, 'unavailable']);
  answer();
  expect((await first).status).toBe(200);
  expect(asked).toBe(1);
  await until(() => proxy.outcomes.length === 3);
  expect(proxy.outcomes.map(({ result }) => result).sort()).toEqual(['aborted', 'answered', 'refused']);
});

test('tries once more when a kept connection was closed under a GET, and never a POST', async () => {
  const seen: string[] = [];
  const { port } = await origin((req, res) => {
    seen.push(`${req.method} ${req.url}`);
    // The second request on a connection meets its end.
    const used = (req.socket as { used?: boolean }).used === true;
    (req.socket as { used?: boolean }).used = true;
    if (used) req.socket.destroy();
    else res.end('ok');
  });
  const proxy = await proxyTo(port, { connections: 1 });
  expect((await fetch(`${proxy.url}/1`)).status).toBe(200);
  expect((await fetch(`${proxy.url}/2`)).status).toBe(200);
  expect((await fetch(`${proxy.url}/3`, { method: 'POST', body: 'x' })).status).toBe(502);
  expect(seen).toEqual(['GET /1', 'GET /2', 'GET /2', 'POST /3']);
});

test('ends the upstream’s request when its client leaves', async () => {
  let gone = 0;
  let asked = 0;
  const { port } = await origin((req) => {
    asked += 1;
    req.on('close', () => {
      gone += 1;
    });
  });
  const proxy = await proxyTo(port);
  const client = await rawClient(proxy.port);
  client.send(request('GET', '/slow'));
  await until(() => asked === 1);
  client.socket.destroy();
  await until(() => gone === 1 && proxy.outcomes.length === 1 && proxy.upstream.running === 0);
  expect(proxy.outcomes).toMatchObject([{ result: 'aborted' }]);
});
