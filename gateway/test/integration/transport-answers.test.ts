import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import { rawClient, request } from '../support/raw-client.ts';
import { echo, testServer } from '../support/test-server.ts';

test('answers one connection again and again, GET and HEAD alike, without naming its library', async () => {
  const { port, server } = await testServer(echo);
  const client = await rawClient(port);
  const got = await client.send(request('GET', '/a?x=1&y')).sees('"}');
  expect(got).toContain('"query":"x=1&y"');
  expect(got).toContain('Keep-Alive: timeout=5\r\n');
  expect(got.toLowerCase()).not.toContain('uwebsockets');
  const length = /Content-Length: (\d+)/.exec(got)?.[1];

  const head = await rawClient(port);
  for (let i = 1; i <= 3; i++) {
    head.send(request('HEAD', '/a?x=1&y'));
    await until(() => head.count('\r\n\r\n') === i);
  }
  expect(head.text).not.toContain('{');
  expect(head.count('Content-Length: ')).toBe(3);
  expect(head.text).toContain(`Content-Length: ${Number(length) + 1}`);
  expect(server.connections).toBe(2);
});

test('sends no body and no length with 204, and no body with 304', async () => {
  const { port } = await testServer((exchange) =>
    exchange.respond(exchange.path === '/204' ? 204 : 304, [], 'x'),
  );
  const client = await rawClient(port);
  client.send(request('GET', '/204'));
  expect(await client.sees('\r\n\r\n')).not.toContain('Content-Length');
  client.send(request('GET', '/304'));
  await until(() => client.count('\r\n\r\n') === 2);
  expect(client.text).toMatch(/\r\n\r\n$/);
});

test('reads bodies whenever asked: at once, after an await, with a length or chunked', async () => {
  const { port } = await testServer(async (exchange) => {
    if (exchange.path === '/later') for (let i = 0; i < 5; i++) await new Promise((go) => setImmediate(go));
    const body = await exchange.body(3_000_000);
    exchange.respond(200, [], `${body.length}:${body.toString().slice(0, 5)}`);
  });
  for (const path of ['/now', '/later']) {
    const url = `http://127.0.0.1:${port}${path}`;
    expect(await (await fetch(url, { method: 'POST', body: 'hello' })).text()).toBe('5:hello');
    const big = 'x'.repeat(2_500_000);
    expect(await (await fetch(url, { method: 'POST', body: big })).text()).toBe('2500000:xxxxx');
    const client = await rawClient(port);
    client.send(request('POST', path, ['Transfer-Encoding: chunked'], '3\r\nabc\r\n'));
    client.send('2\r\nde\r\n0\r\n\r\n');
    await client.sees('5:abcde');
    expect(await (await fetch(url)).text()).toBe('0:');
  }
});

test('refuses a body above its limit with 413 and ends the connection, by its length or as it comes', async () => {
  const { port } = await testServer(async (exchange) => {
    exchange.respond(200, [], String((await exchange.body(1_000)).length));
  });
  const announced = await rawClient(port);
  announced.send(request('POST', '/', ['Content-Length: 1001'], 'x'));
  expect(await announced.isClosed()).toMatch(/^HTTP\/1\.1 413 [\s\S]*"code":"too-large"/);
  const chunked = await rawClient(port);
  chunked.send(request('POST', '/', ['Transfer-Encoding: chunked'], `400\r\n${'x'.repeat(1024)}\r\n`));
  expect(await chunked.isClosed()).toContain('"code":"too-large"');
});

test('answers 100-continue, so that clients that ask first need not wait', async () => {
  const { port } = await testServer(echo);
  const client = await rawClient(port);
  client.send(request('POST', '/', ['Content-Length: 2', 'Expect: 100-continue']));
  await client.sees('HTTP/1.1 100 Continue\r\n\r\n');
  expect(await client.send('ok').sees('"body":"ok"')).toContain('200 OK');
});

test.each([
  ['a known length', 64 * 1024 * 200],
  ['chunks', undefined],
])('streams more than a slow client takes, by %s, without keeping it in memory', async (_, length) => {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let pauses = 0;
  let kept = 0;
  const { port } = await testServer((exchange) => {
    exchange.takeOver();
    let left = 200;
    const pump = (): void => {
      while (left > 0) {
        left -= 1;
        kept += 1;
        if (!exchange.write(chunk)) {
          pauses += 1;
          return;
        }
      }
      exchange.end();
    };
    exchange.start(200, [['X-Kind', 'stream']], length);
    exchange.onWritable(pump);
    pump();
  });
  const client = await rawClient(port);
  client.socket.pause();
  client.send(request('GET', '/'));
  await until(() => pauses > 0);
  expect(kept).toBeLessThan(200);
  client.socket.resume();
  await until(() => client.count('x') >= 64 * 1024 * 200);
  expect(client.count('x')).toBe(64 * 1024 * 200);
  expect(client.text).toContain('X-Kind: stream');
});

test('delivers a chunk that the client took late even if nothing follows for now', async () => {
  let finish = (): void => undefined;
  const { port } = await testServer((exchange) => {
    exchange.takeOver();
    exchange.start(200, []);
    exchange.write(Buffer.alloc(12_000_000, 'x'));
    finish = () => exchange.end();
  });
  const client = await rawClient(port);
  client.socket.pause();
  client.send(request('GET', '/'));
  await until(() => client.socket.readableLength > 0);
  client.socket.resume();
  await until(() => client.count('x') >= 12_000_000);
  finish();
  await client.sees('\r\n0\r\n\r\n');
});

test('closes the connection when a streamed answer ends short of its length', async () => {
  const { port } = await testServer((exchange) => {
    exchange.start(200, [], 10);
    exchange.write(Buffer.from('short'));
    setImmediate(() => exchange.end());
  });
  const client = await rawClient(port);
  expect(await client.send(request('GET', '/')).isClosed()).toMatch(/short$/);
});

test('drains: takes no new connection, finishes what is in flight, and closes behind it', async () => {
  let release = (): void => undefined;
  const { port, server } = await testServer(async (exchange) => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    exchange.respond(200, [], 'finished');
  });
  const client = await rawClient(port);
  client.send(request('GET', '/'));
  await until(() => server.inFlight === 1);
  server.stopListening();
  await expect(rawClient(port)).rejects.toThrow('ECONNREFUSED');
  release();
  expect(await client.isClosed()).toMatch(/Connection: close[\s\S]*finished$/);
  expect(server.inFlight).toBe(0);
  expect(server.connections).toBe(0);
});

test('rejects when the address is not to be had', async () => {
  const { server } = await testServer(echo);
  await expect(server.listen('192.0.2.1', 0)).rejects.toThrow('not to be had');
});
