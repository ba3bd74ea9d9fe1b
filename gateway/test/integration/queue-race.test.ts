import { setTimeout as delay } from 'node:timers/promises';
import { expect, inject, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import type { Broadcast } from '../../src/queue/broadcast.ts';
import type { RoomChange } from '../../src/queue/engine.ts';
import { toFields } from '../../src/queue/rule-fields.ts';
import { defaultRules } from '../../src/queue/rules.ts';
import type { Rules } from '../support/happenings.ts';
import { History } from '../support/history.ts';
import { judgeAdmissions } from '../support/judge-admissions.ts';
import { type BareEngine, observe, openEngine } from '../support/queue-observer.ts';
import { newSeed, pick, randomFrom } from '../support/random.ts';

type Joined = {
  readonly visitor: string;
  readonly lane: number;
  readonly score: number;
  readonly sequence: number;
};
type RulesNow = Omit<Rules, 'type' | 'at' | 'weights'>;

const weights = { standard: 1, priority: 3 } as const;
const lanes = ['standard', 'priority'] as const;
const crowd = 300;

const rules = {
  ...defaultRules,
  admission: { ratePerMinute: 3_000, burst: 0, capacity: 30 },
  queue: { ...defaultRules.queue, alwaysOn: true },
  claim: { windowSeconds: 1, confirm: 'auto' as const, lapsesAllowed: 1 },
  session: { ttlSeconds: 1, renew: true },
  presence: { graceSeconds: 3_600, leaseSeconds: 3_600 },
  lanes: [
    { name: lanes[0], weight: 1 },
    { name: lanes[1], weight: 3 },
  ],
};

test('three gateways at once admit in order, never too many and everybody once, whatever happens meanwhile', async () => {
  const seed = newSeed();
  const random = randomFrom(seed);
  const url = inject('redisUrl');
  const room = uniqueRoom();
  const engines: BareEngine[] = [];
  for (let i = 0; i < 3; i += 1) engines.push(await openEngine(url, room, toFields(rules)));
  const observer = await observe(url, engines[0] as BareEngine);
  const { pacer } = await (engines[0] as BareEngine).engine.read(room, lanes);
  const begunAt = Number(pacer.get('filledAt'));
  const any = (): BareEngine => pick(random, engines);
  const versions = new Map<number, RulesNow>();
  let isOver = false;

  const ticking = engines.map(async ({ engine, cursor }) => {
    while (!isOver) {
      await engine.tick(cursor, '');
      await delay(random() * 15);
    }
  });
  const changing = changeNowAndThen(engines[0] as BareEngine, versions, random, () => isOver);
  const serving = serve(observer.heard, any, random, () => isOver);
  const joined = await joinAll(any, random);
  await until(async () => {
    const { admitted, lanes: queues } = await any().engine.read(room, lanes);
    return admitted === 0 && queues.every(({ waiting }) => waiting === 0) && versions.size > 5;
  });
  isOver = true;
  await Promise.all([...ticking, changing, serving]);
  await observer.caughtUp();

  const history = new History(weights);
  history.rules(0, begunAt, { ...rules.admission, serves: true });
  for (const { visitor, lane, score, sequence } of joined)
    history.waits(sequence, begunAt, visitor, lanes[lane] as string, score);
  for (const broadcast of observer.heard) {
    history.hear(broadcast);
    const changed = versions.get(broadcast.version);
    if (changed !== undefined && broadcast.events.some(({ type }) => type === 'changed'))
      history.rules(broadcast.sequence, broadcast.now, changed);
  }
  expect(judgeAdmissions(history.happenings), `SEED=${seed}`).toEqual([]);
  expect(observer.heard.map(({ message }) => message)).toEqual(observer.heard.map((_, i) => i + 1));
  const admitted = new Set(
    history.happenings.flatMap((one) => (one.type === 'admitted' ? [one.visitor] : [])),
  );
  expect(admitted).toEqual(new Set(joined.map(({ visitor }) => visitor)));
  expect(admitted.size).toBeGreaterThanOrEqual(crowd);
  // Else the crowd would not have met what it was sent to meet.
  expect(history.count('lapsed')).toBeGreaterThan(10);
  expect(versions.size).toBeGreaterThan(5);
});

async function joinAll(any: () => BareEngine, random: () => number): Promise<readonly Joined[]> {
  const joined: Joined[] = [];
  while (joined.length < crowd) {
    const batch = Array.from(
      { length: Math.min(crowd - joined.length, 1 + Math.floor(random() * 20)) },
      async (_, i) => {
        const visitor = `v${joined.length + i}`;
        const lane = random() < 0.5 ? 0 : 1;
        const { engine, cursor } = any();
        const outcome = await engine.join(cursor, { visitor, fresh: visitor, lane, score: 0 });
        if (outcome.refused !== undefined) throw new Error(`refused: ${outcome.refused}`);
        return { visitor, lane, score: outcome.score, sequence: outcome.sequence };
      },
    );
    const places = await Promise.all(batch);
    joined.push(...places);
    // A reload on another gateway neither moves nor doubles the place; of one that is over by now it gives another.
    const place = pick(random, places);
    const again = { ...place, fresh: `${place.visitor}-again` };
    const { engine, cursor } = any();
    const same = await engine.join(cursor, again);
    if (same.refused !== undefined) throw new Error(`refused: ${same.refused}`);
    if (same.visitor === place.visitor) expect(same.score).toBe(place.score);
    else {
      const { visitor, score, sequence } = same;
      joined.push({ visitor, lane: same.lane, score, sequence });
    }
  }
  return joined;
}

/** Claims most turns, some twice at once, and leaves many sessions; the rest lapse or run out. */
async function serve(
  heard: readonly Broadcast[],
  any: () => BareEngine,
  random: () => number,
  isOver: () => boolean,
): Promise<void> {
  const pending: Promise<void>[] = [];
  for (let next = 0; !isOver(); ) {
    for (; next < heard.length; next += 1) {
      for (const event of heard[next]?.events ?? []) {
        if (event.type === 'admitted' && random() < 0.75) pending.push(use(event));
      }
    }
    await delay(5);
  }
  await Promise.all(pending);

  async function use({ visitor, claimBy }: { visitor: string; claimBy: number }): Promise<void> {
    const claims = await Promise.all(
      [any(), any()].map(({ engine, cursor }) => engine.claim(cursor, visitor)),
    );
    const sessions = claims.map((claim) => claim.claimed && [claim.turn, claim.deadline]);
    // Later one of them may have found the turn lapsed, or the session over.
    if (Date.now() < claimBy) expect(sessions[0]).toEqual(sessions[1]);
    expect(claims.filter((claim) => claim.claimed && !claim.again).length).toBeLessThanOrEqual(1);
    const { engine, cursor } = any();
    if (random() < 0.6) await engine.leave(cursor, visitor, 'left');
  }
}

async function changeNowAndThen(
  { engine, cursor }: BareEngine,
  versions: Map<number, RulesNow>,
  random: () => number,
  isOver: () => boolean,
): Promise<void> {
  let isPaused = false;
  while (!isOver()) {
    await delay(100 + random() * 500);
    isPaused = !isPaused && random() < 0.3;
    const ratePerMinute = pick(random, [1_200, 3_000, 6_000]);
    const capacity = pick(random, [10, 30, 60]);
    const burst = pick(random, [0, 0, 15]);
    const change: RoomChange = {
      author: 'test',
      action: 'patch',
      reason: '',
      expectedVersion: 0,
      fields: [
        ['admission.ratePerMinute', String(ratePerMinute)],
        ['admission.capacity', String(capacity)],
        ['admission.burst', String(burst)],
        ['flag.paused', isPaused ? '1' : '0'],
      ],
    };
    const outcome = await engine.change(cursor, change);
    if (!('version' in outcome)) throw new Error('not changed');
    versions.set(outcome.version, { ratePerMinute, burst, capacity, serves: !isPaused });
  }
}
