import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerMessage } from '@ropeline/core/protocol/live.ts';
import type { Status } from '@ropeline/core/protocol/status.ts';
import { expect, test } from 'vitest';
import { judgeAdmissions } from '../gateway/test/support/judge-admissions.ts';
import { openLive } from '../gateway/test/support/live-client.ts';
import { newSeed, pick, randomFrom } from '../gateway/test/support/random.ts';
import { historyFromJournal } from '../gateway/test/support/redis-journal.ts';
import { makeKeyFiles, type SpawnedGateway, spawnGateway } from '../gateway/test/support/spawn-gateway.ts';
import { startRedis } from '../scripts/services/redis-server.ts';
import { cleanedUp } from '../testing/scope.ts';
import { until } from '../testing/until.ts';

const crowd = 300;
const arriveMs = 12_000;
const windowMs = 5_000;
const operator = 'the-token-of-the-operator-of-this-test';
const rules = `rooms:
  storm:
    admission: { ratePerMinute: 1200, capacity: 60 }
    queue: { alwaysOn: true }
    claim: { windowSeconds: ${windowMs / 1_000}, lapsesAllowed: 1 }
    session: { ttlSeconds: 10 }
    presence: { graceSeconds: 60, leaseSeconds: 10 }
`;
const place = '/_ropeline/rooms/storm';

type Visitor = { visitor: string; ticket: string; outcome: 'waits' | 'entered' | 'over' };

test('gateways and Redis are killed and come back, rules change all the time, and the journal of Redis is as promised', async () => {
  const seed = newSeed();
  const random = randomFrom(seed);
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-storm-')), (path) =>
    rmSync(path, { recursive: true }),
  );
  // The journal must have all that was answered: `everysec` holds it back while a slow disk is at work.
  const durable = { folder, appendfsync: 'always' } as const;
  let redis = await startRedis(durable);
  cleanedUp(redis, () => redis.stop());
  const files = makeKeyFiles();
  const start = (): Promise<SpawnedGateway> =>
    spawnGateway(files, rules, { REDIS_URL: redis.url, OPERATOR_TOKEN: operator, LOG_LEVEL: 'error' });
  const gateways = [await start(), await start(), await start()];
  const any = (): SpawnedGateway => pick(random, gateways);
  let isOver = false;
  let changes = 0;

  async function operate(path: string, method: string, body: unknown): Promise<boolean> {
    try {
      const answer = await fetch(`${any().url}/api/rooms/storm${path}`, {
        method,
        headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(3_000),
      });
      return answer.ok;
    } catch {
      return false;
    }
  }

  async function changeNowAndThen(): Promise<void> {
    while (!isOver) {
      await delay(150 + random() * 500);
      const ratePerMinute = pick(random, [0, 600, 1_200, 3_000]);
      const admission = pick(random, [
        { ratePerMinute },
        { ratePerMinute: 3_000 },
        { capacity: pick(random, [0, 20, 60, 120]) },
        { burst: pick(random, [0, 10]) },
      ]);
      const action = pick(random, ['/pause', '/resume', '/resume', '', '', '']);
      if (await operate(action, action === '' ? 'PATCH' : 'POST', action === '' ? { admission } : {}))
        changes += 1;
    }
  }

  async function visit(one: Visitor, polls: boolean): Promise<void> {
    await until(async () => {
      const answer = await fetch(`${any().origin}${place}/join`, {
        method: 'POST',
        signal: AbortSignal.timeout(3_000),
      });
      if (answer.status !== 201) return false;
      const status = (await answer.json()) as Status;
      Object.assign(one, { visitor: status.visitor, ticket: status.place });
      return true;
    }, 120_000);
    while (one.outcome === 'waits') await (polls ? poll(one) : hold(one));
    if (one.outcome === 'entered' && random() < 0.6) await leave(one);
  }

  const wants = (): boolean => random() < 0.8;
  const headersOf = ({ ticket }: Visitor) => ({ authorization: `Bearer ${ticket}` });

  async function poll(one: Visitor): Promise<void> {
    await delay(300 + random() * 400);
    const { origin } = any();
    const options = { headers: headersOf(one), signal: AbortSignal.timeout(3_000) };
    const answer = await fetch(`${origin}${place}/status`, options).catch(() => undefined);
    if (answer?.status !== 200) return;
    const status = (await answer.json()) as Status;
    hear(one, status);
    if (status.state !== 'admitted' || !wants()) return;
    const claimed = await fetch(`${origin}${place}/claim`, { ...options, method: 'POST' }).catch(
      () => undefined,
    );
    if (claimed?.status === 200) one.outcome = 'entered';
  }

  async function hold(one: Visitor): Promise<void> {
    const { socket, closed } = openLive(any().origin, 'storm', one.ticket);
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as ServerMessage;
      if (message.type === 'status') hear(one, message as unknown as Status);
      if (message.type === 'admitted' && wants()) socket.send('{"type":"claim"}');
      if (message.type === 'entry') {
        one.outcome = 'entered';
        socket.close();
      }
    });
    const { code } = await closed;
    if (code >= 4_500 && one.outcome === 'waits') one.outcome = 'over';
    await delay(random() * 300);
  }

  function hear(one: Visitor, { visitor, place: fresh, state }: Status): void {
    if (visitor !== one.visitor) throw new Error(`${one.visitor} became ${visitor}`);
    if (fresh !== undefined) one.ticket = fresh;
    if (state === 'lapsed' || state === 'ended' || state === 'left') one.outcome = 'over';
  }

  async function leave(one: Visitor): Promise<void> {
    await fetch(`${any().origin}${place}/place`, { method: 'DELETE', headers: headersOf(one) }).catch(
      () => undefined,
    );
  }

  async function killGateway(): Promise<void> {
    const at = Math.floor(random() * gateways.length);
    await gateways[at]?.kill();
    gateways.splice(at, 1);
    gateways.push(await start());
  }

  const visitors = Array.from(
    { length: crowd },
    (): Visitor => ({ visitor: '', ticket: '', outcome: 'waits' }),
  );
  const visits = visitors.map(async (one, i) => {
    await delay((i * arriveMs) / crowd);
    await visit(one, i % 4 === 0);
  });
  const failures: string[] = [];
  const done = (): boolean => visitors.every(({ outcome }) => outcome !== 'waits');
  const visiting = Promise.all(
    visits.map((one) => one.catch((error: unknown) => failures.push(String(error)))),
  );
  const changing = changeNowAndThen();
  const joined = (count: number): Promise<boolean> =>
    until(() => visitors.filter(({ ticket }) => ticket !== '').length >= count, 120_000);

  // Whatever goes wrong, nobody goes on visiting behind the end of the test.
  const stuck: string[] = [];
  try {
    await joined(crowd / 5);
    await killGateway();
    await joined((2 * crowd) / 5);
    const { port } = redis;
    await redis.kill();
    redis = await startRedis({ ...durable, port });
    await joined((3 * crowd) / 5);
    await Promise.all([killGateway(), killGateway()]);
    await joined(crowd);
    await until(() => changes > 10);
    isOver = true;
    await changing;
    await until(() => operate('/resume', 'POST', {}));
    await until(() => operate('', 'PATCH', { admission: { ratePerMinute: 60_000, capacity: 10_000 } }));
    await until(() => failures.length > 0 || done(), 150_000).catch(() => undefined);
  } finally {
    isOver = true;
    for (const one of visitors) {
      if (one.outcome !== 'waits') continue;
      stuck.push(one.visitor);
      one.outcome = 'over';
    }
  }
  expect([...failures, ...stuck], `SEED=${seed}`).toEqual([]);
  await visiting;

  expect(failures, `SEED=${seed}`).toEqual([]);
  const history = historyFromJournal(folder, 'storm', windowMs);
  expect(judgeAdmissions(history.happenings), `SEED=${seed}`).toEqual([]);
  // Everybody had a turn, and what the visitors saw is what the journal tells.
  const admitted = new Set(
    history.happenings.flatMap((one) => (one.type === 'admitted' ? [one.visitor] : [])),
  );
  expect(visitors.filter(({ visitor }) => !admitted.has(visitor))).toEqual([]);
  expect(history.count('claimed')).toBeGreaterThanOrEqual(
    visitors.filter(({ outcome }) => outcome === 'entered').length,
  );
  expect(history.count('lapsed')).toBeGreaterThan(10);
  expect(changes).toBeGreaterThan(10);
}, 400_000);
