import { expect, inject, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import type { Broadcast } from '../../src/queue/broadcast.ts';
import { toFields } from '../../src/queue/rule-fields.ts';
import { defaultRules } from '../../src/queue/rules.ts';
import { type ModelRules, type Place, QueueModel } from '../support/queue-model.ts';
import { type BareEngine, observe, openEngine } from '../support/queue-observer.ts';
import { newSeed, pick, randomFrom } from '../support/random.ts';

const leastSteps = 8_000;
const mostMs = 120_000;
const lanes = ['standard', 'priority'] as const;
const weights = [1, 3] as const;
const windowMs = 40;
const sessionMs = 100;

const rules = {
  ...defaultRules,
  admission: { ratePerMinute: 600, burst: 0, capacity: 20 },
  queue: { ...defaultRules.queue, maxWaiting: 40 },
  claim: { windowSeconds: windowMs / 1_000, confirm: 'auto' as const, lapsesAllowed: 1 },
  session: { ttlSeconds: sessionMs / 1_000, renew: true },
  presence: { graceSeconds: 3_600, leaseSeconds: 3_600 },
  lanes: lanes.map((name, i) => ({ name, weight: weights[i] ?? 1 })),
};

test('whatever is done in whatever order, Redis and a model of the promises agree at every step', async () => {
  const seed = newSeed();
  const run = await prepare(randomFrom(seed));
  let step = 0;
  let name = '';
  try {
    const end = Date.now() + mostMs;
    for (; step < leastSteps || (untried(run).length > 0 && Date.now() < end); step += 1) {
      const operation = pick(run.random, step % 1_000 < 600 ? busy : quiet);
      name = operation.name;
      await operation(run);
      if (step % 50 === 0) await compareAll(run);
    }
    await compareAll(run);
  } catch (cause) {
    throw new Error(`SEED=${seed}, step ${step}: ${name}`, { cause });
  }
  expect(untried(run), `SEED=${seed}`).toEqual([]);
});

/** What the steps have not led to often enough yet. */
function untried({ seen, refused, passed }: Run): readonly string[] {
  const types = ['admitted', 'active', 'ended', 'lapsed', 'waits-again', 'out', 'changed'];
  return [
    ...types.filter((type) => (seen.get(type) ?? 0) < 4),
    ...(refused < 4 ? ['refused'] : []),
    ...(passed < 20 ? ['passed'] : []),
  ];
}

type Operation = (run: Run) => Promise<void>;

type Run = BareEngine & {
  readonly random: () => number;
  readonly model: QueueModel;
  /** Every place ever given. */
  readonly places: Place[];
  readonly seen: Map<string, number>;
  refused: number;
  /** Joins that got their turn at once. */
  passed: number;
  /** Admissions by lane since one of the lanes was last empty. */
  shares: [number, number];
  /** Runs one call: its answer, what it published, and Redis time before and after. */
  readonly done: <T>(
    call: () => Promise<T>,
  ) => Promise<{ answer: T; published: Broadcast[]; from: number; to: number }>;
};

async function prepare(random: () => number): Promise<Run> {
  const url = inject('redisUrl');
  const open = await openEngine(url, uniqueRoom(), toFields(rules));
  const observer = await observe(url, open);
  const { pacer } = await open.engine.read(open.cursor.room, lanes);
  const modelRules: ModelRules = { ...rules.admission, maxWaiting: rules.queue.maxWaiting, paused: false };
  const options = { lanes: lanes.length, windowMs, sessionMs, lapsesAllowed: rules.claim.lapsesAllowed };
  const redisNow = async (): Promise<number> => {
    const [seconds = 0, micros = 0] = await open.redis.time();
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  };
  const run: Run = {
    ...open,
    random,
    model: new QueueModel(Number(pacer.get('filledAt')), modelRules, options),
    places: [],
    seen: new Map(),
    refused: 0,
    passed: 0,
    shares: [0, 0],
    async done(call) {
      const before = observer.heard.length;
      const from = await redisNow();
      const answer = await call();
      const to = await redisNow();
      await observer.caughtUp();
      const published = observer.heard.slice(before);
      for (const { type } of published.flatMap(({ events }) => events)) {
        run.seen.set(type, (run.seen.get(type) ?? 0) + 1);
      }
      return { answer, published, from, to };
    },
  };
  return run;
}

async function join(run: Run): Promise<void> {
  const visitor = `v${run.places.length}`;
  await joinAs(run, { visitor, lane: run.random() < 0.5 ? 0 : 1, score: 0 }, visitor);
}

async function joinAgain(run: Run): Promise<void> {
  const place = anyPlace(run);
  if (place !== undefined) await joinAs(run, place, `v${run.places.length}`);
}

/**
 * A place that is known answers as it stands; one that is over, and none, get a new place, a turn, or `full`. A place
 * that is over takes its lane with it: the new one is in the first.
 */
async function joinAs(run: Run, place: Place, fresh: string): Promise<void> {
  const { model, cursor } = run;
  const found = place.score > 0 ? model.find(place) : undefined;
  const fits = model.waitingCount < model.rules.maxWaiting;
  const { answer, published, from } = await run.done(() => run.engine.join(cursor, { ...place, fresh }));
  if (found?.state === 'waiting' || found?.state === 'admitted' || found?.state === 'active') {
    const { state, score, deadline } = found;
    const waits = state === 'waiting';
    expect(answer).toMatchObject({
      isNew: false,
      visitor: place.visitor,
      score,
      state,
      deadline,
      turn: waits ? 0 : found.turn,
      position: waits ? found.rank + 1 : 0,
    });
    return;
  }
  if (answer.refused !== undefined) {
    run.refused += 1;
    expect(answer.refused).toBe('full');
    expect(fits).toBe(false);
    return;
  }
  const lane = place.score > 0 ? 0 : place.lane;
  const given = { visitor: fresh, lane, score: answer.score };
  expect(answer).toMatchObject({ isNew: true, visitor: fresh, lane });
  expect(answer.score).toBeGreaterThan(model.lastScore);
  run.places.push(given);
  if (answer.state === 'admitted') {
    const [{ now, events }] = published as [Broadcast];
    expect(model.mayPass).toBe(true);
    expect(model.tokensAt(now)).toBeGreaterThanOrEqual(1);
    run.passed += 1;
    const { turn, claimBy } = model.pass(now, given);
    const at = { lane: lanes[lane], score: answer.score };
    expect(events).toEqual([{ type: 'admitted', visitor: fresh, turn, claimBy, at, lapses: 0 }]);
    expect(answer).toMatchObject({ turn, deadline: claimBy, position: 0 });
    return;
  }
  expect(answer.state).toBe('waiting');
  expect(fits).toBe(true);
  // With a token in the bucket before the call the room was idle, and nobody waits in an idle room.
  expect(model.mayPass && model.tokensAt(from) >= 1).toBe(false);
  model.wait(given);
  expect(answer.position).toBe(model.waiting[lane]?.length);
}

async function tick(run: Run): Promise<void> {
  const { model } = run;
  const { answer, published } = await run.done(() => run.engine.tick(run.cursor, ''));
  if (!answer.worked) {
    expect(published).toEqual([]);
    return;
  }
  const expected = model.tick(answer.now);
  const bothWait = model.waiting.every(({ length }) => length > 0);
  const events = published
    .flatMap((message) => message.events)
    .filter(({ type }) => type !== 'sketch' && type !== 'piece' && type !== 'counts');
  const admitted = events.filter((event) => event.type === 'admitted');
  // Events also say where the visitor stood, which the record of served places needs.
  expect(events.filter(({ type }) => type !== 'admitted')).toMatchObject(expected.events);
  expect(admitted).toHaveLength(expected.admissions);
  if (!bothWait) run.shares = [0, 0];
  for (const event of admitted) {
    const turn = model.admitFirst(answer.now, event.visitor);
    expect(turn, `${event.visitor} stands first in a lane`).toBeDefined();
    expect(event).toEqual({
      type: 'admitted',
      visitor: event.visitor,
      turn: turn?.turn,
      claimBy: turn?.claimBy,
      at: { lane: run.cursor.lanes[turn?.place.lane ?? -1], score: turn?.place.score },
      lapses: turn?.lapses,
    });
    run.shares[turn?.place.lane === 0 ? 0 : 1] += 1;
  }
  if (model.waiting.every(({ length }) => length > 0)) expectFair(run.shares);
  else run.shares = [0, 0];
  const { waitingCount: waiting, inside } = model;
  expect(answer).toMatchObject({ admitted: expected.admissions, lapsed: expected.lapsed, waiting, inside });
}

/** While both lanes wait, each has had its share of the turns to within one. */
function expectFair([standard, priority]: readonly [number, number]): void {
  const total = standard + priority;
  expect(Math.abs(standard - (total * weights[0]) / (weights[0] + weights[1]))).toBeLessThanOrEqual(1);
}

async function claim(run: Run): Promise<void> {
  const place = anyPlace(run, run.model.admitted);
  if (place === undefined) return;
  const { model } = run;
  const { visitor } = place;
  const found = model.find(place);
  const { answer, published, from, to } = await run.done(() => run.engine.claim(run.cursor, visitor));
  if (found.state === 'admitted') {
    const [{ now, events }] = published as [Broadcast];
    const { turn, deadline } = model.claim(now, visitor);
    expect(events).toEqual([{ type: 'active', visitor, turn, deadline }]);
    const claimBy = found.deadline;
    expect(answer).toEqual({ claimed: true, again: false, turn, deadline, claimBy });
  } else if (found.state === 'active' && found.deadline > to) {
    const { turn, deadline } = found;
    expect(answer).toEqual({ claimed: true, again: true, turn, deadline, claimBy: 0 });
  } else if (found.state !== 'active' || found.deadline <= from) {
    expect(answer).toEqual({
      claimed: false,
      why: found.state === 'lapsed' ? 'turn-lapsed' : 'not-admitted',
    });
  }
}

async function renew(run: Run): Promise<void> {
  const place = anyPlace(run, run.model.active);
  if (place === undefined) return;
  const { visitor } = place;
  const found = run.model.find(place);
  const { answer, published, from, to } = await run.done(() =>
    run.engine.renew(run.cursor, visitor, Math.max(1, found.turn)),
  );
  if (answer > 0) {
    const [{ now, events }] = published as [Broadcast];
    expect(found).toMatchObject({ state: 'active' });
    expect(found.deadline).toBeGreaterThan(from);
    expect(answer).toBe(run.model.renew(now, visitor));
    expect(events).toEqual([{ type: 'active', visitor, turn: found.turn, deadline: answer }]);
  } else {
    expect(found.state !== 'active' || found.deadline <= to).toBe(true);
  }
}

async function leave(run: Run): Promise<void> {
  await leaveAs(run, anyPlace(run));
}

async function leaveQueue(run: Run): Promise<void> {
  await leaveAs(run, pick(run.random, run.model.waiting.flat()));
}

async function leaveAs(run: Run, place: Place | undefined): Promise<void> {
  if (place === undefined) return;
  const wasActive = run.model.active.has(place.visitor);
  const { answer, published } = await run.done(() => run.engine.leave(run.cursor, place.visitor, 'left'));
  expect(answer).toBe(run.model.leave(place.visitor));
  const types = published.flatMap(({ events }) => events.map(({ type }) => type));
  expect(types).toEqual(answer ? [wasActive ? 'ended' : 'out'] : []);
}

async function lookUp(run: Run): Promise<void> {
  const place = anyPlace(run);
  if (place === undefined) return;
  const { answer, published } = await run.done(() => run.engine.lookUp(run.cursor, place));
  expect(answer).toMatchObject(run.model.find(place));
  expect(published).toEqual([]);
}

async function change(run: Run): Promise<void> {
  const { random, model } = run;
  const to: Partial<ModelRules> = pick(random, [
    { ratePerMinute: pick(random, [0, 600, 6_000, 60_000]) },
    { capacity: pick(random, [0, 3, 20, 60]) },
    { burst: pick(random, [0, 12]) },
    { paused: !model.rules.paused },
    { maxWaiting: pick(random, [5, 40]) },
  ]);
  const fields = Object.entries(to).map(
    ([rule, value]) => [fieldOf[rule as keyof ModelRules], String(Number(value))] as const,
  );
  const { published } = await run.done(() =>
    run.engine.change(run.cursor, {
      author: 'test',
      action: 'patch',
      reason: '',
      fields,
      expectedVersion: 0,
    }),
  );
  const [{ now, events }] = published as [Broadcast];
  expect(events).toEqual([{ type: 'changed' }]);
  model.change(now, to);
}

const fieldOf: Record<keyof ModelRules, string> = {
  ratePerMinute: 'admission.ratePerMinute',
  burst: 'admission.burst',
  capacity: 'admission.capacity',
  maxWaiting: 'queue.maxWaiting',
  paused: 'flag.paused',
};

/** How often each is done is how often it stands here. */
const often = (times: number, operation: Operation): Operation[] =>
  Array.from({ length: times }, () => operation);
const others = [joinAgain, renew, lookUp, change];
const busy = [...often(5, join), ...often(6, tick), claim, leave, joinAgain, lookUp, ...others];
/** Few come and most leave, so that the room is idle now and then. */
const quiet = [...often(3, join), ...often(4, tick), ...often(3, claim), ...often(8, leaveQueue), ...others];

/** Half the time one of those given, so that claims meet turns; else anybody who ever had a place. */
function anyPlace(run: Run, among?: ReadonlyMap<string, unknown>): Place | undefined {
  const some = run.places.filter(({ visitor }) => among?.has(visitor));
  return pick(run.random, some.length > 0 && run.random() < 0.7 ? some : run.places);
}

/** Everything that Redis keeps of the visitors, against the model. */
async function compareAll({ redis, cursor, model }: Run): Promise<void> {
  const { keys } = cursor;
  const members = async (key: string): Promise<[string, number][]> => {
    const entries = await redis.zrange(key, 0, '-1', 'WITHSCORES');
    return entries
      .flat()
      .flatMap((word, i, words): [string, number][] =>
        i % 2 === 0 ? [[String(word), Number(words[i + 1])]] : [],
      );
  };
  for (const [i, lane] of lanes.entries()) {
    const places = model.waiting[i]?.map(({ visitor, score }) => [visitor, score]);
    expect(await members(keys.queue(lane))).toEqual(places);
  }
  const byName = (entries: Iterable<readonly [string, number]>) => new Map(entries);
  expect(byName(await members(keys.admitted))).toEqual(
    byName([...model.admitted].map(([visitor, { claimBy }]) => [visitor, claimBy] as const)),
  );
  expect(byName(await members(keys.active))).toEqual(
    byName([...model.active].map(([visitor, { deadline }]) => [visitor, deadline] as const)),
  );
  const withTurn = [...model.admitted.keys(), ...model.active.keys(), ...model.again.keys()];
  const known = new Set(await redis.hkeys(keys.turns));
  for (const visitor of known) expect(withTurn).toContain(visitor);
}
