import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Entry, Status } from '@ropeline/core/protocol/status.ts';
import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import { type KeyFiles, makeKeyFiles, spawnGateway } from '../support/spawn-gateway.ts';
import { privateRedis } from '../support/start-gateway.ts';
import { startTestUpstream } from '../support/test-upstream.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A GET of a path of one of the hosts behind the gateway, as text; status other than 200 as its number. */
function get(origin: string, host: string, path: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    httpRequest(`${origin}${path}`, { headers: { ...headers, host } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () =>
        resolve(answer.statusCode === 200 ? Buffer.concat(chunks).toString() : String(answer.statusCode)),
      );
    })
      .on('error', reject)
      .end();
  });
}

test('each room of the file stands before its own upstream: exact host first, then the longest path', async () => {
  const [shop, tickets, fallback] = await Promise.all(['shop', 'tickets', 'fallback'].map(startTestUpstream));
  const rules = 'admission: {ratePerMinute: 60000, burst: 1000}';
  const rooms = `
rooms:
  everything: {${rules}}
  shop: {match: {hosts: [shop.test]}, upstream: "${shop?.origin}", ${rules}}
  sale: {match: {hosts: [shop.test], paths: [/sale]}, upstream: "${tickets?.origin}", ${rules}}
  tickets: {match: {paths: [/tickets, /sale/early]}, upstream: "${tickets?.origin}", ${rules}}
`;
  const env = { REDIS_URL: await privateRedis(), UPSTREAM: fallback?.origin ?? '' };
  const { origin } = await spawnGateway(makeKeyFiles(), rooms, env);
  const entries = Object.fromEntries(
    await Promise.all(
      ['everything', 'shop', 'sale', 'tickets'].map(async (room) => [room, await entryOf(origin, room)]),
    ),
  ) as Record<string, string>;
  for (const [host, path, room, upstream] of [
    ['shop.test', '/', 'shop', 'shop'],
    ['SHOP.test:8080', '/cart', 'shop', 'shop'],
    ['shop.test', '/sale', 'sale', 'tickets'],
    ['shop.test', '/sale/early', 'sale', 'tickets'],
    ['shop.test', '/sales', 'shop', 'shop'],
    ['other.test', '/sale/early', 'tickets', 'tickets'],
    ['other.test', '/tickets/7', 'tickets', 'tickets'],
    ['other.test', '/ticketsale', 'everything', 'fallback'],
    ['other.test', '/sale', 'everything', 'fallback'],
  ] as const) {
    for (const [name, entry] of Object.entries(entries)) {
      const answer = await get(origin, host, path, { 'x-ropeline-entry': entry });
      expect(answer, `${host}${path} with the entry of ${name}`).toBe(name === room ? upstream : '401');
    }
  }
});

async function entryOf(origin: string, room: string): Promise<string> {
  const base = `${origin}/_ropeline/rooms/${room}`;
  const place = await until(async () => {
    const body = (await (await fetch(`${base}/join`, { method: 'POST' })).json()) as Status;
    return body.state === 'admitted' && body.place;
  });
  const headers = { authorization: `Bearer ${place}` };
  const claimed = (await (await fetch(`${base}/claim`, { method: 'POST', headers })).json()) as Entry;
  return claimed.entryToken;
}

function checkConfig(
  files: KeyFiles,
  env: Record<string, string>,
): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [main, '--check-config'],
      { env: { ...files.env, ...env } },
      (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), text: out + err }),
    );
  });
}

test('--check-config says all that is wrong with the rooms file and the key files at once, and needs no Redis', async () => {
  const files = makeKeyFiles();
  const roomsFile = join(files.folder, 'rooms.yaml');
  writeFileSync(
    roomsFile,
    'rooms:\n  one: {admision: {}}\n  two: {admission: {ratePerMinute: -1}, schedule: {opensAt: 5, closesAt: 4}}\n  Three: {}\n',
  );
  writeFileSync(files.placeSecrets, 'too short');
  const env = { ROOMS_FILE: roomsFile, REDIS_URL: 'redis://127.0.0.1:1' };
  const wrong = await checkConfig(files, { ...env, ENTRY_KEYS: '/nowhere/keys.json' });
  expect(wrong.code).toBe(1);
  for (const part of [
    'room one: ',
    'room two: admission.ratePerMinute',
    'room Three: its name',
    'ENTRY_KEYS: /nowhere/keys.json',
    'PLACE_SECRET_FILE: ',
    '6 problem(s)',
  ]) {
    expect(wrong.text).toContain(part);
  }
  expect(wrong.text).not.toContain('too short');

  const fine = makeKeyFiles();
  writeFileSync(roomsFile, 'rooms: {one: {}, two: {}}\n');
  expect(await checkConfig(fine, env)).toEqual({
    code: 0,
    text: `The configuration is right; ${roomsFile} has 2 room(s).\n`,
  });
});
