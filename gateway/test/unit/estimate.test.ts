import { expect, test } from 'vitest';
import { estimate, type Pace, paceOf, turnsBefore } from '../../src/queue/estimate.ts';
import { Outflow } from '../../src/queue/outflow.ts';
import { defaultRules, mergeRules, type RoomRules } from '../../src/queue/rules.ts';

const start = 1_000_000_000;

function rulesOf(differences: unknown): RoomRules {
  return mergeRules(defaultRules, differences) as RoomRules;
}

/** An outflow that heard `perSecond` admissions in each of `seconds` seconds, turns numbered from `from`. */
function heard(perSecond: number, seconds: number, outflow = new Outflow(), at = start, from = 1): Outflow {
  let turn = from;
  for (let second = 0; second < seconds; second += 1) {
    for (let i = 0; i < perSecond; i += 1) {
      const now = at + second * 1_000 + (i * 1_000) / perSecond;
      outflow.heard({ type: 'admitted', visitor: `v${turn}`, turn, claimBy: now + 60_000 }, now);
      turn += 1;
    }
  }
  return outflow;
}

const steady: Pace = {
  byRate: 10,
  byCapacity: 10,
  free: 1_000,
  leaving: 0,
  basis: { ratePerMinute: 600, limit: 'rate', lapseShare: 0, perSecond: 10 },
};
const ahead = (n: number) => ({ likely: n, most: n });

test('with nothing measured the rate is what is expected', () => {
  const rules = rulesOf({ admission: { ratePerMinute: 600, capacity: 100_000 } });
  expect(estimate(ahead(6_000), paceOf(new Outflow(), rules, 0, start))?.p50).toBe(601);
});

test('a rate of nothing gives no estimate', () => {
  const pace = paceOf(new Outflow(), rulesOf({ admission: { ratePerMinute: 0 } }), 0, start);
  expect(estimate(ahead(5), pace)).toBeNull();
});

test('what is measured outweighs what the rate promises', () => {
  const rules = rulesOf({ admission: { ratePerMinute: 600 } });
  const pace = paceOf(heard(5, 59), rules, 0, start + 59_000);
  expect(pace.byRate).toBeGreaterThan(4.9);
  expect(pace.byRate).toBeLessThan(5.2);
});

test('single admissions of a slow room do not make the estimate jump', () => {
  const rules = rulesOf({ admission: { ratePerMinute: 2 } });
  const outflow = new Outflow();
  const seen: number[] = [];
  outflow.restart(start);
  for (let second = 0; second < 300; second += 1) {
    const now = start + second * 1_000;
    if (second % 30 === 29) heard(1, 1, outflow, now, second);
    seen.push(estimate(ahead(20), paceOf(outflow, rules, 0, now))?.p50 ?? 0);
  }
  expect(Math.max(...seen) / Math.min(...seen)).toBeLessThan(1.2);
});

test('after a restart, as when a line forms from idle, what was measured before says nothing', () => {
  const rules = rulesOf({ admission: { ratePerMinute: 600 } });
  const outflow = heard(1, 59);
  const before = paceOf(outflow, rules, 0, start + 59_000).byRate;
  outflow.restart(start + 59_000);
  const after = paceOf(outflow, rules, 0, start + 59_000).byRate;
  expect(before).toBeLessThan(1.3);
  expect(after).toBe(10);
});

test('lapsed turns give their tokens back, so the line moves faster', () => {
  const rules = rulesOf({ admission: { ratePerMinute: 600 } });
  const outflow = heard(10, 50);
  const before = paceOf(outflow, rules, 0, start + 50_000).byRate;
  for (let turn = 1; turn <= 250; turn += 1) {
    outflow.heard({ type: 'lapsed', visitor: `v${turn}`, turn }, start + 50_000);
  }
  outflow.restart(start + 50_000);
  const pace = paceOf(outflow, rules, 0, start + 50_000);
  expect(pace.basis.lapseShare).toBeCloseTo(250 / 510, 1);
  expect(pace.byRate / before).toBeGreaterThan(1.8);
});

test('turns that go to somebody who lapsed before do not move the line', () => {
  const rules = rulesOf({ admission: { ratePerMinute: 600 } });
  const outflow = heard(10, 50);
  const before = paceOf(outflow, rules, 0, start + 50_000).byRate;
  for (let turn = 1; turn <= 250; turn += 1) {
    outflow.heard({ type: 'waits-again', visitor: `v${turn}`, turn, score: turn }, start + 50_000);
  }
  expect(paceOf(outflow, rules, 0, start + 50_000).byRate / before).toBeCloseTo(0.51, 1);
});

test('who gives up ahead makes the median shorter and leaves the ninth decile as it is', () => {
  const patient = estimate(ahead(6_000), steady);
  const impatient = estimate(ahead(6_000), { ...steady, leaving: 0.001 });
  // ln(1 + 0.001 * 6000 / 10) / 0.001
  expect(impatient?.p50).toBe(471);
  expect(patient?.p50).toBe(601);
  expect(impatient?.p90).toBe(patient?.p90);
});

test('the share that gives up is measured: those gone over the time that all of them waited', () => {
  const outflow = new Outflow();
  for (let second = 0; second < 60; second += 1) {
    const now = start + second * 1_000;
    outflow.sampled({ waiting: 1_000, inside: 0, capacity: 10 }, now);
    outflow.heard({ type: 'abandoned', visitor: `v${second}` }, now);
    outflow.heard({ type: 'out', visitor: `w${second}`, turn: 0, reason: 'left' }, now);
  }
  expect(outflow.leavingPerSecond(start + 60_000)).toBeCloseTo(2 / 1_000, 4);
});

test('until capacity is in use turns come at the rate, then as sessions end', () => {
  const pace = { ...steady, byCapacity: 1, free: 90 };
  expect(estimate(ahead(50), pace)?.p50).toBe(6);
  // Full after 90 / (10 - 1) = 10 s and 100 turns; the other 100.5 at one a second.
  expect(estimate(ahead(200), pace)?.p50).toBe(111);
});

test('a full room is reckoned by how long sessions last, and by its admissions as soon as there are some', () => {
  const rules = rulesOf({ admission: { ratePerMinute: 600, capacity: 60 }, session: { ttlSeconds: 600 } });
  const outflow = heard(10, 6);
  outflow.sampled({ waiting: 500, inside: 60, capacity: 60 }, start + 6_000);
  const full = paceOf(outflow, rules, 60, start + 6_000);
  expect(full).toMatchObject({ free: 0, basis: { limit: 'capacity' } });
  expect(full.byCapacity).toBeCloseTo(0.1, 5);
  // Sessions end after 30 s instead of 600: two a second.
  heard(2, 50, outflow, start + 7_000, 1_000);
  const measured = paceOf(outflow, rules, 60, start + 57_000);
  expect(measured.byCapacity).toBeGreaterThan(0.6);
  expect(estimate(ahead(100), measured)?.p50).toBeLessThan(170);
});

test('how long sessions last is measured from their turns', () => {
  const outflow = heard(10, 20);
  for (let turn = 1; turn <= 200; turn += 1) {
    const gaveUp = { type: 'ended', visitor: `v${turn}`, turn, reason: 'left' } as const;
    outflow.heard(gaveUp, start + (turn - 1) * 100 + 30_000);
  }
  expect(outflow.staySeconds(600)).toBeCloseTo((200 * 30 + 5 * 600) / 205, 0);
});

test('another lane takes its share by weight for as long as somebody stands in it', () => {
  const lanes = [
    { weight: 1, waiting: 1_000 },
    { weight: 3, waiting: 30 },
  ];
  expect(turnsBefore(100, 0, lanes)).toEqual({ likely: 130, most: 400 });
  expect(turnsBefore(30, 1, lanes)).toEqual({ likely: 40, most: 40 });
  expect(
    turnsBefore(100, 0, [
      { weight: 1, waiting: 1_000 },
      { weight: 3, waiting: 0 },
    ]).most,
  ).toBe(100);
});

test('the ninth decile is never before the median, and nobody in front waits nothing', () => {
  for (const n of [0, 1, 10, 1_000, 1_000_000]) {
    const eta = estimate(ahead(n), steady);
    expect(eta?.p90).toBeGreaterThanOrEqual(eta?.p50 ?? Number.POSITIVE_INFINITY);
    expect(eta?.p50).toBeGreaterThan(0);
  }
});
