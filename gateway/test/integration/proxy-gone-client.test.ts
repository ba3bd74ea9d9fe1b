import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import { addressList, outsideOf } from '../../src/data-plane/forwarded.ts';
import { Upstream } from '../../src/data-plane/proxy.ts';
import type { Outcome } from '../../src/data-plane/proxy-flight.ts';
import { rawClient, request } from '../support/raw-client.ts';
import { origin } from '../support/test-proxy.ts';
import { testServer } from '../support/test-server.ts';

test('a client that goes while it is decided upon holds no connection to the upstream', async () => {
  const asked: (string | undefined)[] = [];
  const { port } = await origin((req, res) => {
    asked.push(req.url);
    res.end('ok');
  });
  const upstream = new Upstream(`http://127.0.0.1:${port}`, { connections: 1, onError: () => undefined });
  const outcomes: Outcome[] = [];
  let decided = 0;
  const front = await testServer(async (exchange) => {
    const outside = outsideOf(exchange, addressList([]));
    if (exchange.path === '/gone') await until(() => exchange.aborted);
    upstream.forward(exchange, {
      target: exchange.path,
      outside,
      onDone: (outcome) => outcomes.push(outcome),
    });
    decided += 1;
  });
  for (const length of ['1000000', '10']) {
    const before = decided;
    const gone = await rawClient(front.port);
    gone.send(request('POST', '/gone', [`Content-Length: ${length}`]));
    await until(() => front.server.inFlight === 1);
    gone.socket.resetAndDestroy();
    await until(() => decided > before);
  }
  await until(() => upstream.running === 0 && outcomes.length > 0);
  expect(outcomes.map(({ result }) => result)).toEqual(['aborted']);
  const answer = await fetch(`http://127.0.0.1:${front.port}/next`);
  expect(await answer.text()).toBe('ok');
  expect(asked).toEqual(['/next']);
});
