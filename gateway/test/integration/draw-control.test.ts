import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createLog } from '@ropeline/core/log.ts';
import { connectRedisForWaiting, untilReady } from '@ropeline/core/redis/connect.ts';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { cleanedUp, uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { openLive } from '../support/live-client.ts';
import {
  drawMade,
  hashOfList,
  join,
  lotteryRules,
  openNow,
  placesBySeed,
  publicState,
  statusOf,
} from '../support/lottery.ts';
import { type OpenControl, openControl, token } from '../support/open-control.ts';
import { openRooms } from '../support/open-rooms.ts';
import { privateRedis, startGateway, type TestGateway } from '../support/start-gateway.ts';

type Opened = {
  readonly gateway: TestGateway;
  readonly control: OpenControl;
  readonly url: string;
  readonly api: string;
};

/** A lottery served by one gateway and run from the control plane of another. */
async function openBoth(rules: unknown): Promise<Opened> {
  const url = await privateRedis();
  const control = await openControl(url);
  const roomName = uniqueRoom();
  const gateway = await startGateway({ redisUrl: url, roomName, rules });
  await until(() => control.rooms.get(roomName) !== undefined);
  return { gateway, control, url, api: `/api/rooms/${roomName}` };
}

const closed = { admission: { ratePerMinute: 0 } };
const named = { ...closed, queue: { beacon: 'drand round 4,123,456' } };

describe('a beacon', () => {
  it('is waited for, taken once and only after the participants’ hash, and is mixed into every place', async () => {
    const { gateway, control, api } = await openBoth(lotteryRules(named));
    const give = (value: string) =>
      control.call('POST', `${api}/beacon`, { body: { value }, as: token.operator });
    expect((await publicState(gateway)).draw).toMatchObject({ beaconName: 'drand round 4,123,456' });
    const early = await Promise.all(Array.from({ length: 20 }, () => join(gateway)));
    expect(await give('too early')).toMatchObject({ status: 409, body: { code: 'draw-not-ready' } });
    await openNow(gateway);

    const counted = await until(async () => {
      const { draw, state } = await publicState(gateway);
      return draw?.participantsHash !== undefined && { draw, state };
    });
    expect(counted.state).toBe('prequeue');
    expect(counted.draw.seed).toBeUndefined();
    const visitors = early.map(({ status }) => status.visitor);
    expect(counted.draw.participantsHash).toBe(hashOfList(visitors.map((id) => `standard:${id}`)));

    expect((await give('f00d  ünd c0de')).status).toBe(200);
    expect((await give('f00d  ünd c0de')).status).toBe(200);
    expect(await give('another')).toMatchObject({ status: 409, body: { code: 'beacon-settled' } });
    const made = await drawMade(gateway);
    expect(made.beacon).toBe('f00d  ünd c0de');
    const order = placesBySeed(made.seed, visitors, 'f00d  ünd c0de');
    expect(order).not.toEqual(placesBySeed(made.seed, visitors));
    for (const { status } of early) {
      const place = order.indexOf(status.visitor) + 1;
      await until(async () => (await statusOf(gateway, status.place ?? '')).status.position === place);
    }
    const { body } = await control.call('GET', `${api}/audit`);
    const entries = body.entries.filter(({ action }: { action: string }) => action === 'beacon');
    expect(entries).toMatchObject([
      { author: 'operator', changes: { name: 'drand round 4,123,456', value: 'f00d  ünd c0de' } },
    ]);
  });

  it('is named beforehand: once somebody has joined the rules name no other, nor none', async () => {
    const { gateway, control, api } = await openBoth(lotteryRules(named));
    const patch = (beacon: string) => control.call('PATCH', api, { body: { queue: { beacon } } });
    expect((await patch('drand round 4,123,457')).status).toBe(200);
    await join(gateway);
    expect(await patch('drand round 4,123,458')).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect((await patch('')).status).toBe(409);
    expect((await control.call('GET', api)).body.rules.queue.beacon).toBe('drand round 4,123,457');
    expect((await control.call('POST', `${api}/reset`)).status).toBe(200);
    expect((await patch('')).status).toBe(200);
  });

  it('is no matter of a room that names none', async () => {
    const { control, api } = await openBoth(lotteryRules(closed));
    const given = await control.call('POST', `${api}/beacon`, { body: { value: 'x' } });
    expect(given).toMatchObject({ status: 409, body: { code: 'draw-not-ready' } });
    expect((await control.call('POST', `${api}/beacon`, { body: { value: 'a\nb' } })).status).toBe(400);
  });
});

describe('the seed', () => {
  it('is new with every run, its commitment public with the operator’s answer', async () => {
    const { control, api } = await openBoth({});
    expect((await control.call('GET', api)).body.draw).toBeUndefined();
    const changed = await control.call('PATCH', api, { body: { queue: { method: 'lottery' } } });
    const first = changed.body.draw.commitment;
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    const again = await control.call('PATCH', api, { body: { queue: { method: 'fifo' } } });
    expect(again.body.draw).toBeUndefined();
    const back = await control.call('PATCH', api, { body: { queue: { method: 'lottery' } } });
    expect(back.body.draw.commitment).toBe(first);
    const reset = await control.call('POST', `${api}/reset`);
    expect(reset.body.draw.commitment).toMatch(/^[0-9a-f]{64}$/);
    expect(reset.body.draw.commitment).not.toBe(first);
  });

  it('is in no answer, broadcast, audit or log before the draw, however much is asked', async () => {
    const { gateway, control, url, api } = await openBoth(lotteryRules(named));
    const { keys } = gateway.room.cursor;
    const seen: string[] = [];
    const listener = cleanedUp(
      connectRedisForWaiting(url, { name: 'test-listener', log: createLog('test', 'silent') }),
      (client) => client.disconnect(),
    );
    await untilReady(listener);
    listener.on('pmessage', (_pattern: string, _channel: string, text: string) => seen.push(text));
    await listener.psubscribe('*');
    // Another gateway, whose log is kept with all it has to say.
    const logged = pino({ level: 'trace' }, { write: (text: string) => seen.push(text) });
    const talkative = await openRooms(url, undefined, logged);
    await until(() => talkative.rooms.get(gateway.room.name) !== undefined);
    const early = await join(gateway);
    const live = openLive(gateway.origin, gateway.room.name, early.status.place);
    await live.first('status');
    await openNow(gateway);
    await until(async () => (await publicState(gateway)).draw?.participantsHash !== undefined);

    const base = `${gateway.origin}/_ropeline/rooms/${gateway.room.name}`;
    const cookie = `ropeline_place=${early.status.place}; ropeline_test=1`;
    for (const page of ['', '/status', '/page', '/enter', '/join']) {
      const method = page === '/join' ? 'POST' : 'GET';
      const answer = await fetch(base + page, { method, headers: { cookie }, redirect: 'manual' });
      seen.push(JSON.stringify([...answer.headers]), await answer.text());
    }
    for (const page of ['', '/stats', '/history', '/audit', '/export']) {
      seen.push(JSON.stringify((await control.call('GET', api + page)).body));
    }
    seen.push(JSON.stringify((await control.call('GET', '/api/rooms')).body));
    seen.push(JSON.stringify((await control.call('GET', '/metrics')).body));
    seen.push(
      JSON.stringify(live.messages),
      JSON.stringify(await gateway.open.redis.xrange(keys.audit, '-', '+')),
    );

    const seed = (await gateway.open.redis.hget(keys.pacer, 'draw.seed')) as string;
    const bytes = Buffer.from(seed, 'hex');
    expect(seed).toHaveLength(64);
    const before = seen.join('\n');
    expect(before).toContain((await publicState(gateway)).draw?.commitment);
    for (const form of [
      seed,
      bytes.toString('base64'),
      bytes.toString('base64url'),
      bytes.toString('latin1'),
    ]) {
      expect(before.includes(form)).toBe(false);
    }
    await control.call('POST', `${api}/beacon`, { body: { value: 'now' } });
    expect((await drawMade(gateway)).seed).toBe(seed);
  });
});

const root = fileURLToPath(new URL('../../../', import.meta.url));
const verify = (file: string, ...args: string[]) =>
  promisify(execFile)(process.execPath, [path(root, 'scripts/verify-draw.ts'), file, ...args]).then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      text: error.stdout + error.stderr,
    }),
  );

describe('the export', () => {
  it('lets anybody check every place, and a tampered one is caught', async () => {
    const lanes = [{ name: 'standard', weight: 1 }];
    const { gateway, control, api } = await openBoth(lotteryRules({ ...closed, lanes }));
    expect((await control.call('GET', `${api}/export`)).body.code).toBe('draw-not-ready');
    const commitment = (await publicState(gateway)).draw?.commitment ?? '';
    const early = await Promise.all(Array.from({ length: 30 }, () => join(gateway)));
    await openNow(gateway);
    const made = await drawMade(gateway);
    await join(gateway);
    await until(() => control.rooms.get(gateway.room.name)?.state === 'open');
    const exported = await control.call('GET', `${api}/export`, { as: token.viewer });
    expect(exported.status).toBe(200);
    const lines = String(exported.body).trimEnd().split('\n');
    expect(lines).toHaveLength(32);

    const folder = cleanedUp(mkdtempSync(path(tmpdir(), 'ropeline-draw-')), (made_) =>
      rmSync(made_, { recursive: true }),
    );
    const verifyLines = async (changed: readonly string[], ...args: string[]) => {
      const file = path(folder, 'export.jsonl');
      writeFileSync(file, `${changed.join('\n')}\n`);
      return verify(file, ...args);
    };
    const { visitor } = (early[7] as (typeof early)[number]).status;
    const place =
      placesBySeed(
        made.seed,
        early.map(({ status }) => status.visitor),
      ).indexOf(visitor) + 1;
    const noted = ['--commitment', commitment, '--participants-hash', made.participantsHash ?? ''];
    const right = await verifyLines(lines, ...noted, '--visitor', visitor);
    expect(right.code).toBe(0);
    expect(right.text).toContain('The draw is right.');
    expect(right.text).toContain(`drew place ${place} of lane standard`);

    const edit = (at: number, change: (row: Record<string, unknown>) => object): string[] =>
      lines.map((line, i) => (i === at ? JSON.stringify(change(JSON.parse(line))) : line));
    const swapped = lines.map((line, i) => (i === 3 ? lines[4] : i === 4 ? lines[3] : line) as string);
    const tampered: readonly (readonly [string, readonly string[], string])[] = [
      ['another seed', edit(0, (head) => ({ ...head, seed: '00'.repeat(32) })), 'SHA-256 of the seed'],
      ['a friend put first', edit(1, (row) => ({ ...row, visitor: 'friend' })), 'hash of the list'],
      ['a score', edit(5, (row) => ({ ...row, score: Number(row['score']) + 1 })), 'should have'],
      ['the order', swapped, 'stands behind'],
      ['a place', edit(9, (row) => ({ ...row, place: 1 })), 'has place 1 and should have 9'],
      ['somebody left out', lines.filter((_, i) => i !== 12), 'there are 29'],
      ['a file cut off', lines.slice(0, -1), 'the last line is missing'],
      ['a visitor twice', [...lines.slice(0, 3), ...lines.slice(2)], 'Nobody is listed twice'],
    ];
    for (const [what, changed, difference] of tampered) {
      const found = await verifyLines(changed);
      expect(found, what).toMatchObject({ code: 1 });
      expect(found.text, what).toContain(difference);
      expect(found.text, what).toContain('THE DRAW IS NOT RIGHT.');
    }
    const forged = await verifyLines(lines, '--commitment', '00'.repeat(32));
    expect(forged).toMatchObject({ code: 1 });
    expect((await verifyLines(['not an export'])).code).toBe(2);
  });
});
