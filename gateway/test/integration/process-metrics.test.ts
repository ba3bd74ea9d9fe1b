import type { Status } from '@ropeline/core/protocol/status.ts';
import { expect, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { openLive } from '../support/live-client.ts';
import { makeKeyFiles, spawnGateway, spawnGatewayBeside } from '../support/spawn-gateway.ts';
import { privateRedis } from '../support/start-gateway.ts';

/** A minute's worth at twenty a second: the line moves as long as its numbers are looked for. */
const crowd = 1_200;
const operator = 'the-token-of-the-operator-of-this-test';

function rulesOf(room: string): string {
  return `rooms:
  ${room}:
    admission: { ratePerMinute: 1200, capacity: 100000 }
    queue: { alwaysOn: true }
    claim: { windowSeconds: 5 }
`;
}

test('whoever owns the control port answers with the numbers of every gateway process, and all of them move', async () => {
  const room = uniqueRoom();
  const files = makeKeyFiles();
  const env = { REDIS_URL: await privateRedis(), GATEWAYS: '2', OPERATOR_TOKEN: operator };
  const first = await spawnGateway(files, rulesOf(room), env);
  const second = await spawnGatewayBeside(first, files, env);
  const page = async (): Promise<string> => (await fetch(`${first.url}/metrics`)).text();
  const number = async (name: string, labels: string): Promise<number> => {
    const line = new RegExp(`^ropeline_gateway_${name}\\{(.*)\\} (\\S+)$`, 'gm');
    const wanted = labels.split(',');
    for (const [, has = '', value] of (await page()).matchAll(line)) {
      if (wanted.every((label) => has.split(',').includes(label))) return Number(value);
    }
    return 0;
  };
  const moves = (name: string, labels: string): Promise<boolean> =>
    until(async () => (await number(name, labels)) > 0);

  const origins = [first.origin, second.origin];
  await until(async () => (await page()).includes('process="2"'));
  const joins = Array.from({ length: crowd }, async (_, i) => {
    const answer = await fetch(`${origins[i % 2]}/_ropeline/rooms/${room}/join`, { method: 'POST' });
    return (await answer.json()) as Status;
  });
  const last = (await Promise.all(joins)).at(-1);
  const live = openLive(second.origin, room, last?.place);
  await live.first('status');

  // A process that does not answer in time is left out of a page.
  const text = await until(async () => {
    const found = await page();
    return found.includes('process="1"') && found.includes('process="2"') && found;
  });
  for (const process of ['process="1"', 'process="2"']) {
    const ofProcess = `room="${room}",outcome="waiting",${process}`;
    await until(async () => (await number('joins_total', ofProcess)) === crowd / 2);
    await moves('redis_script_duration_seconds_count', `script="join_visitors",${process}`);
    expect(text).toMatch(new RegExp(`^nodejs_eventloop_lag_p99_seconds\\{${process}\\} \\S+$`, 'm'));
  }
  expect(text.match(/^# TYPE ropeline_gateway_joins_total counter$/gm)).toHaveLength(1);
  await until(async () => (await number('open_sockets', 'process="2"')) === 1);
  expect(await number('open_sockets', 'process="1"')).toBe(0);

  const ofRoom = `room="${room}"`;
  await moves('outflow_per_second', `${ofRoom},process="1"`);
  await moves('outflow_per_second', `${ofRoom},process="2"`);
  await moves('pacing_error_ratio_count', ofRoom);
  await moves('lapses_total', ofRoom);
  await moves('promises_total', `${ofRoom},promise="first",process="1"`);
  await moves('wait_ratio_count', `${ofRoom},promise="latest",process="2"`);

  const patched = await fetch(`${first.url}/api/rooms/${room}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
    body: JSON.stringify({ claim: { windowSeconds: 6 } }),
  });
  expect(patched.status).toBe(200);
  await moves('redis_script_duration_seconds_count', 'script="change_room",process="1"');

  await second.kill();
  expect(await page()).not.toContain('process="2"');
});
