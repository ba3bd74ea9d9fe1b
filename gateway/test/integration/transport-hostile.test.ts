import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import { rawClient, request } from '../support/raw-client.ts';
import { echo, testServer } from '../support/test-server.ts';

const stillServes = async (port: number): Promise<void> => {
  const client = await rawClient(port);
  expect(await client.send(request('GET', '/alive')).sees('"path":"/alive"')).toContain('200 OK');
};

test.each([
  ['two different lengths', ['Content-Length: 5', 'Content-Length: 6'], 'hello!'],
  ['the same length twice', ['Content-Length: 5', 'Content-Length: 5'], 'hello'],
  ['two hosts', ['Host: other.test'], ''],
  ['a coding that only contains chunked', ['Transfer-Encoding: xchunked'], '0\r\n\r\n'],
  ['two codings', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], '0\r\n\r\n'],
  ['a coding before chunked', ['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'],
  ['a coding and a length', ['Transfer-Encoding: chunked', 'Content-Length: 5'], '0\r\n\r\n'],
  ['an unknown coding', ['Transfer-Encoding: gzip'], ''],
  ['a negative length', ['Content-Length: -1'], ''],
  ['a signed length', ['Content-Length: +5'], 'hello'],
])('refuses a request with %s, and ends the connection', async (_, headers, body) => {
  let handled = 0;
  const { port } = await testServer((exchange) => {
    handled += 1;
    return echo(exchange);
  });
  // Has said nothing for longer than the others: it would be the first to be closed for its silence.
  const silent = await rawClient(port);
  const plain = await rawClient(port);
  plain.send(request('POST', '/a', headers, body));
  expect(await plain.isClosed()).toMatch(/^HTTP\/1\.1 400 /);
  // What follows would be a smuggled request if the body were read differently.
  const smuggler = await rawClient(port);
  smuggler.send(request('POST', '/a', headers, body) + request('GET', '/smuggled'));
  expect(await smuggler.isClosed()).not.toContain('200 OK');
  expect(silent.closed).toBe(false);
  expect(handled).toBe(0);
  await stillServes(port);
});

test.each([
  ['no host', 'GET / HTTP/1.1\r\n\r\n'],
  ['HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\n\r\n'],
  ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['garbage', '\0\0\0\0 \r\n\r\n'],
  ['bare line feeds', 'GET / HTTP/1.1\nHost: a\n\n'],
  ['a space before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'],
  ['an absolute target', 'GET http://evil.test/ HTTP/1.1\r\nHost: a\r\n\r\n'],
])('never hands %s to the handler', async (_, bytes) => {
  let handled = 0;
  const { port } = await testServer((exchange) => {
    handled += 1;
    return echo(exchange);
  });
  const client = await rawClient(port);
  client.send(bytes);
  await stillServes(port);
  expect(handled).toBe(1);
  expect(client.text).not.toContain('200');
});

test('takes 15 KB of headers, and answers 431 to 17 KB', async () => {
  const { port } = await testServer((exchange) => {
    exchange.respond(200, [], String(exchange.headers.get('cookie')?.length));
  });
  const roomy = await rawClient(port);
  expect(await roomy.send(request('GET', '/', [`Cookie: ${'c'.repeat(15_000)}`])).sees('15000')).toContain(
    '200 OK',
  );
  const beyond = await rawClient(port);
  beyond.send(request('GET', '/', [`Cookie: ${'c'.repeat(17_000)}`]));
  expect(await beyond.isClosed()).toMatch(/^HTTP\/1\.1 431 /);
});

test('survives handlers that throw, reject or throw late, each answered with a 500 that tells nothing', async () => {
  const { port, errors } = await testServer(async (exchange) => {
    if (exchange.path === '/alive') return echo(exchange);
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error('secret inner state');
  });
  const rejecting = await rawClient(port);
  const text = await rejecting.send(request('GET', '/')).sees('internal-error');
  expect(text).toMatch(/^HTTP\/1\.1 500 /);
  expect(text).not.toContain('secret');
  expect(errors).toEqual(['handler: Error: secret inner state']);
  await stillServes(port);

  const throwing = await testServer((exchange) => {
    if (exchange.path === '/alive') return echo(exchange);
    throw new Error('at once');
  });
  const client = await rawClient(throwing.port);
  expect(await client.send(request('GET', '/')).sees('internal-error')).toMatch(/^HTTP\/1\.1 500 /);
  await stillServes(throwing.port);
});

test('survives a handler that throws after its answer, or answers twice', async () => {
  const { port, errors } = await testServer((exchange) => {
    exchange.respond(200, [], 'first');
    exchange.respond(200, [], 'second');
    if (exchange.path === '/throws') throw new Error('afterwards');
  });
  const client = await rawClient(port);
  await client.send(request('GET', '/throws')).sees('first');
  await client.send(request('GET', '/')).sees('firstHTTP');
  expect(client.text).not.toContain('second');
  expect(errors).toHaveLength(1);
});

test('ends a handler that never answers with 503 timeout, and one that stops mid-answer by closing', async () => {
  const { server, port } = await testServer(
    (exchange) => {
      if (exchange.path !== '/half') return;
      exchange.start(200, [], 10);
      exchange.write(Buffer.from('half'));
    },
    { handlerDeadlineMs: 300 },
  );
  const silent = await rawClient(port);
  silent.send(request('GET', '/'));
  const half = await rawClient(port);
  half.send(request('GET', '/half'));
  const text = await silent.sees('"code":"timeout"');
  expect(text).toMatch(/^HTTP\/1\.1 503 /);
  expect(text).toContain('Retry-After: 1');
  expect(await half.isClosed()).toContain('half');
  expect(server.inFlight).toBe(0);
});

test('refuses a line break in a header value with a 500 instead of splitting the answer', async () => {
  const { port, errors } = await testServer((exchange) => {
    exchange.respond(200, [['Location', '/x\r\nSet-Cookie: stolen=1']], 'body');
  });
  const client = await rawClient(port);
  const text = await client.send(request('GET', '/')).sees('internal-error');
  expect(text).toMatch(/^HTTP\/1\.1 500 /);
  expect(text).not.toContain('stolen');
  expect(errors).toHaveLength(1);
});

test('does nothing more for a client that left, whatever the handler still does', async () => {
  let release = (): void => undefined;
  const gone: string[] = [];
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { port, server, errors } = await testServer(async (exchange) => {
    if (exchange.path === '/alive') return echo(exchange);
    exchange.onAborted(() => gone.push('aborted'));
    await held;
    exchange.respond(200, [], 'too late');
    exchange.start(200, []);
    exchange.write(Buffer.from('too late'));
    exchange.end();
    exchange.destroy();
    exchange.onAborted(() => gone.push(`late ${exchange.aborted} ${exchange.peer}`));
    await exchange.body(10);
  });
  const client = await rawClient(port);
  client.send(request('POST', '/', ['Content-Length: 5']));
  await until(() => server.inFlight === 1);
  client.socket.destroy();
  await until(() => gone.length === 1);
  release();
  await until(() => gone.length === 2);
  expect(gone).toEqual(['aborted', 'late true ']);
  expect(server.inFlight).toBe(0);
  await stillServes(port);
  expect(errors).toEqual([]);
});

test('survives a throwing body receiver and abort callback', async () => {
  const { port, errors } = await testServer((exchange) => {
    if (exchange.path === '/alive') return echo(exchange);
    exchange.onAborted(() => {
      throw new Error('in aborted');
    });
    exchange.onData(() => {
      throw new Error('in body');
    });
  });
  const client = await rawClient(port);
  client.send(request('POST', '/', ['Content-Length: 5'], 'hel'));
  await until(() => errors.includes('body: Error: in body'));
  client.socket.destroy();
  await until(() => errors.includes('aborted: Error: in aborted'));
  await stillServes(port);
});

test('takes 55 headers', async () => {
  const { port } = await testServer((exchange) => {
    let count = 0;
    exchange.headers.forEach(() => {
      count += 1;
    });
    exchange.respond(200, [], `${count} headers`);
  });
  const client = await rawClient(port);
  const many = Array.from({ length: 54 }, (_, i) => `X-Header-${i}: ${i}`);
  expect(await client.send(request('GET', '/', many)).sees('55 headers')).toContain('200 OK');
});

test.each([
  ['of known length', 50_000_000],
  ['in chunks', undefined],
])('closes a client that stops taking an answer %s', async (_, length) => {
  let gone = false;
  const { port } = await testServer((exchange) => {
    exchange.takeOver();
    exchange.onAborted(() => {
      gone = true;
    });
    exchange.start(200, [], length);
    const pump = (): void => {
      while (exchange.write(Buffer.alloc(256 * 1024)));
    };
    exchange.onWritable(pump);
    setImmediate(pump);
  });
  const client = await rawClient(port);
  client.socket.pause();
  client.send(request('GET', '/'));
  await until(() => gone);
});

test('closes silent, dribbling and slow-headed clients by itself', async () => {
  const { port } = await testServer(echo);
  const silent = await rawClient(port);
  const partial = await rawClient(port);
  partial.send('GET / HTTP/1.1\r\nHost: a\r\n');
  const dribble = await rawClient(port);
  dribble.send(request('POST', '/', ['Content-Length: 500000'], 'x'));
  const timer = setInterval(() => dribble.socket.writable && dribble.send('x'), 500);
  try {
    await Promise.all([silent.isClosed(), partial.isClosed(), dribble.isClosed()]);
  } finally {
    clearInterval(timer);
  }
  expect(silent.text + partial.text + dribble.text).not.toContain('200 OK');
});

test('accepts connections up to its cap and turns the others away, also after sockets and clients have come and gone', async () => {
  const { port, server } = await testServer(echo, { maxConnections: 5 });
  for (let round = 0; round < 3; round++) {
    const clients = await Promise.all(Array.from({ length: 8 }, () => rawClient(port)));
    await until(() => clients.filter((client) => client.closed).length === 3);
    const open = clients.filter((client) => !client.closed);
    await Promise.all(open.map((client) => client.send(request('GET', '/')).sees('200 OK')));
    expect(server.connections).toBe(5);
    for (const client of open) client.socket.destroy();
    await until(() => server.connections === 0);
  }
  expect(server.refused).toBe(9);
});
