import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { cleanedUp } from '../testing/scope.ts';
import { until } from '../testing/until.ts';
import { call } from './support/call.ts';
import { operatorOf, type RoomNumbers, turnOf } from './support/operator.ts';
import { RoomVisitor } from './support/room-visitor.ts';
import { useRopeline } from './support/use-ropeline.ts';

const ropeline = useRopeline();
const run = promisify(execFile);
const rate = 600;
const claimWindowMs = 60_000;

const gateway = (): string => ropeline().addresses.gateway;
const operator = () => operatorOf(ropeline());
const publicRoom = async () => (await call('GET', `${gateway()}/_ropeline/rooms/demo`)).body;

afterEach(async () => {
  await operator().act('reset');
  await operator().patch({ admission: { ratePerMinute: rate } });
});

describe('the operator of a running room', () => {
  test('finds the printed curl lines ready to run', async () => {
    const lines = ropeline()
      .output()
      .split('\n')
      .map((line) => line.trim());
    const [setRate, pause, resume, stats] = lines.filter((line) => line.startsWith('curl '));
    const type = async (line = ''): Promise<Record<string, unknown>> =>
      JSON.parse((await run('sh', ['-c', line])).stdout) as Record<string, unknown>;
    expect(await type(setRate)).toMatchObject({ rules: { admission: { ratePerMinute: 1_200 } } });
    expect(await type(pause)).toMatchObject({ state: 'paused' });
    expect(await type(resume)).toMatchObject({ state: 'open' });
    expect(await type(stats)).toMatchObject({ room: 'demo', ratePerMinute: 1_200 });
  });

  test('pauses it: joins go on, nobody is admitted, all keep their places; and lets it go on', async () => {
    await operator().act('pause');
    const crowd = Array.from({ length: 10 }, () => new RoomVisitor(gateway()));
    for (const visitor of crowd) await visitor.join();
    expect(crowd.map(({ status }) => status?.position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(await publicRoom()).toMatchObject({ state: 'paused' });
    // Two seconds, in which twenty could have been admitted.
    const from = await operator().numbers();
    await until(async () => (await operator().numbers()).at > from.at + 2_000);
    expect(await operator().numbers()).toMatchObject({
      waiting: 10,
      admitted: 0,
      totals: { turns: from.totals.turns },
    });
    for (const visitor of crowd)
      expect(await visitor.look()).toMatchObject({ state: 'waiting', reason: 'paused' });

    await operator().act('resume');
    await Promise.all(crowd.map((visitor) => visitor.getIn()));
    const turns = crowd.map(({ entry }) => turnOf(entry?.entryToken ?? ''));
    expect(turns).toEqual([...turns].sort((a, b) => a - b));
    await expect.poll(operator().numbers).toMatchObject({ waiting: 0, admitted: 0, active: 10 });
  });

  test('sets a rate that holds from the next admission on, and sees it in the public state', async () => {
    await operator().patch({ admission: { ratePerMinute: 0 }, queue: { alwaysOn: true } });
    cleanedUp(undefined, () => operator().patch({ queue: { alwaysOn: false } }));
    // The bucket of a new run is empty, and at this rate stays so.
    await operator().act('reset');
    const visitor = new RoomVisitor(gateway());
    await visitor.join();
    const { at } = await operator().numbers();
    await until(async () => (await operator().numbers()).at > at + 1_000);
    expect(await visitor.look()).toMatchObject({ state: 'waiting', position: 1 });
    const before = (await operator().numbers()).at;
    await operator().patch({ admission: { ratePerMinute: 60 } });
    expect(await publicRoom()).toMatchObject({ ratePerMinute: 60, state: 'open' });
    await visitor.getIn();
    // The first token took its whole second.
    const admittedAt = (visitor.status?.claimBy ?? 0) - claimWindowMs;
    expect(admittedAt - before).toBeGreaterThanOrEqual(1_000);
  });

  test('is refused what is no rule, and without the token everything', async () => {
    const url = `${ropeline().addresses.control}/api/rooms/demo`;
    const headers = { authorization: `Bearer ${ropeline().operatorToken}` };
    for (const ratePerMinute of [-1, 1.5, '600', 2 ** 53, true]) {
      const answer = await call('PATCH', url, { headers, json: { admission: { ratePerMinute } } });
      expect(answer, JSON.stringify(ratePerMinute)).toMatchObject({
        status: 400,
        body: { code: 'bad-request' },
      });
    }
    expect(await publicRoom()).toMatchObject({ ratePerMinute: rate });
    for (const bearer of [
      {},
      { authorization: 'Bearer no' },
      { authorization: headers.authorization.slice(0, -1) },
    ]) {
      expect(await call('POST', `${url}/pause`, { headers: bearer })).toMatchObject({ status: 401 });
      expect(await call('GET', `${url}/stats`, { headers: bearer })).toMatchObject({ status: 401 });
    }
    expect(await publicRoom()).toMatchObject({ state: 'open' });
  });

  test('watches the numbers as they change, once a second', async () => {
    const since = performance.now();
    const seen = numbersStream();
    await until(() => seen.length > 0);
    const visitor = new RoomVisitor(gateway());
    await visitor.getIn();
    await until(() => seen.find(({ active }) => active === 1));
    await visitor.leave();
    await until(() => seen.at(-1)?.active === 0);
    // The first at once, then no oftener: two may come close when the machine stood still between them.
    expect(seen.length).toBeLessThanOrEqual(2 + (performance.now() - since) / 1_000);
  });
});

/** The numbers as the stream has told them so far; it ends with the test. */
function numbersStream(): readonly RoomNumbers[] {
  const seen: RoomNumbers[] = [];
  const end = cleanedUp(new AbortController(), (controller) => controller.abort());
  const read = async (): Promise<void> => {
    const answer = await fetch(`${ropeline().addresses.control}/api/rooms/demo/stats/stream`, {
      headers: { authorization: `Bearer ${ropeline().operatorToken}` },
      signal: end.signal,
    });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    let text = '';
    for await (const chunk of answer.body ?? []) {
      text += Buffer.from(chunk).toString();
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) {
        const [name, data = ''] = event.split('\n');
        if (name === 'event: stats') seen.push(JSON.parse(data.replace('data: ', '')) as RoomNumbers);
      }
    }
  };
  read().catch((error: unknown) => {
    if (!end.signal.aborted) throw error;
  });
  return seen;
}
