import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Entry, Status } from '@ropeline/core/protocol/status.ts';
import { decodeProtectedHeader } from 'jose';
import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import { openLive } from '../support/live-client.ts';
import { type KeyFiles, makeKeyFiles, spawnGateway } from '../support/spawn-gateway.ts';
import { privateRedis } from '../support/start-gateway.ts';
import { startTestUpstream } from '../support/test-upstream.ts';

const rooms = `
rooms:
  held:
    match: {paths: [/held]}
    queue: {alwaysOn: true}
    admission: {ratePerMinute: 0}
  open:
    admission: {ratePerMinute: 60000, burst: 1000}
`;
const script = fileURLToPath(new URL('../../../scripts/rotate-keys.ts', import.meta.url));

async function rotate(files: KeyFiles, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { env: files.env });
  return stdout;
}

async function startedGateway() {
  const upstream = await startTestUpstream('site');
  const files = makeKeyFiles();
  const env = { REDIS_URL: await privateRedis(), UPSTREAM: upstream.origin };
  const { origin } = await spawnGateway(files, rooms, env);
  const call = async <T>(
    method: string,
    path: string,
    ticket?: string,
  ): Promise<{ code: number; body: T }> => {
    const headers = ticket === undefined ? {} : { authorization: `Bearer ${ticket}` };
    const answer = await fetch(`${origin}/_ropeline/${path}`, { method, headers });
    return { code: answer.status, body: (await answer.json()) as T };
  };
  return {
    files,
    origin,
    call,
    kids: async (): Promise<unknown[]> =>
      (await call<{ keys: { kid: string }[] }>('GET', 'jwks.json')).body.keys.map(({ kid }) => kid),
    /** A visitor with an entry of the room that lets everybody in. */
    async entry(): Promise<string> {
      const place = await until(async () => {
        const { body } = await call<Status>('POST', 'rooms/open/join');
        return body.state === 'admitted' && (body.place as string);
      });
      return (await call<Entry>('POST', 'rooms/open/claim', place)).body.entryToken;
    },
    async reaches(entry: string): Promise<number> {
      return (await fetch(`${origin}/shop`, { headers: { 'x-ropeline-entry': entry } })).status;
    },
  };
}

const kidOf = (token: string): unknown => decodeProtectedHeader(token).kid;
const secretOf = (ticket: string | undefined): unknown => ticket?.split('.')[1];

test('keys rotate while a gateway runs: what was signed before holds, what comes is signed anew, retired keys are refused', async () => {
  const { files, origin, call, kids, entry, reaches } = await startedGateway();
  const oldTicket = (await call<Status>('POST', 'rooms/held/join')).body.place as string;
  const oldEntry = await entry();
  const socket = openLive(origin, 'held', oldTicket);
  const { visitor } = await socket.first('status');

  expect(await rotate(files, '--signs-in', '0')).toContain('signs from');
  await until(async () => (await kids()).length === 2);
  const newEntry = await until(async () => {
    const token = await entry();
    return kidOf(token) !== kidOf(oldEntry) && token;
  });
  expect(await kids()).toEqual([kidOf(newEntry), kidOf(oldEntry)]);
  expect([await reaches(oldEntry), await reaches(newEntry)]).toEqual([200, 200]);

  const moved = await until(async () => {
    const { body } = await call<Status>('GET', 'rooms/held/status', oldTicket);
    return body.place !== undefined && body;
  });
  expect(moved).toMatchObject({ visitor, position: 1, state: 'waiting' });
  expect(secretOf(moved.place)).not.toBe(secretOf(oldTicket));
  expect((await call<Status>('GET', 'rooms/held/status', moved.place)).body.place).toBeUndefined();

  await rotate(files, '--retire');
  await until(async () => (await kids()).length === 1);
  expect([await reaches(oldEntry), await reaches(newEntry)]).toEqual([401, 200]);
  const refused = await until(async () => {
    const answer = await call('GET', 'rooms/held/status', oldTicket);
    return answer.code !== 200 && answer;
  });
  expect(refused).toMatchObject({ code: 401, body: { code: 'bad-ticket' } });
  expect((await call<Status>('GET', 'rooms/held/status', moved.place)).body).toMatchObject({
    visitor,
    position: 1,
    state: 'waiting',
  });
  expect(socket.socket.readyState).toBe(socket.socket.OPEN);
});

test('a new key is published before it signs', async () => {
  const { files, call, kids, entry } = await startedGateway();
  const before = await entry();
  const ticket = (await call<Status>('POST', 'rooms/held/join')).body.place;
  await rotate(files, '--signs-in', '3600');
  await until(async () => (await kids()).length === 2);
  expect(kidOf(await entry())).toBe(kidOf(before));
  expect(secretOf((await call<Status>('POST', 'rooms/held/join')).body.place)).toBe(secretOf(ticket));
  expect(await rotate(files, '--retire')).toContain('0 taken out');
  expect(await kids()).toHaveLength(2);
});
