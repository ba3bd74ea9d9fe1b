import { describe, expect, test } from 'vitest';
import type { Happening, Rules } from '../support/happenings.ts';
import { judgeAdmissions, stillWaiting } from '../support/judge-admissions.ts';
import { judgeBucket, judgeWindows } from '../support/judge-pace.ts';
import { judgeShares } from '../support/judge-shares.ts';

const rules = (over: Partial<Rules> = {}): Happening => ({
  type: 'rules',
  at: 0,
  ratePerMinute: 600,
  burst: 0,
  capacity: 100,
  ...over,
});
const waits = (visitor: string, score: number, lane = 'standard', at = 0): Happening => ({
  type: 'waits',
  at,
  visitor,
  lane,
  score,
});
const admitted = (visitor: string, turn: number, at = turn * 100): Happening => ({
  type: 'admitted',
  at,
  visitor,
  turn,
});
const claimed = (visitor: string, turn: number): Happening => ({ type: 'claimed', at: 150, visitor, turn });
const lapsed = (visitor: string, at: number): Happening => ({ type: 'lapsed', at, visitor });
const away = (visitor: string, at: number): Happening => ({ type: 'away', at, visitor });
const out = (visitor: string, at: number): Happening => ({ type: 'out', at, visitor });
const tick = (at: number): Happening => ({ type: 'tick', at });

const crowd = (count: number): Happening[] =>
  Array.from({ length: count }, (_, i) => waits(`v${i + 1}`, i + 1));
const steady = (count: number): Happening[] =>
  Array.from({ length: count }, (_, i) => admitted(`v${i + 1}`, i + 1));
const at = (ms: readonly number[]): Happening[] => ms.map((when, i) => admitted(`v${i + 1}`, i + 1, when));

test('a history as it was promised is no violation', () => {
  expect(judgeAdmissions([rules(), ...crowd(9), ...steady(9)])).toEqual([]);
  const lively = [
    rules({ weights: { standard: 1 } }),
    ...crowd(4),
    ...at([100]),
    claimed('v1', 1),
    out('v1', 180),
    admitted('v2', 2),
    tick(200),
    lapsed('v2', 250),
    waits('v2', 2),
    admitted('v2', 3, 250),
    tick(250),
    away('v3', 300),
    admitted('v4', 4, 300),
    waits('v3', 3, 'standard', 310),
    admitted('v3', 5, 400),
  ];
  expect(judgeAdmissions(lively)).toEqual([]);
  expect([...stillWaiting([...lively, waits('z', 9)]).keys()]).toEqual(['z']);
});

describe('windows', () => {
  test('what the bucket keeps is allowed, by the rate or by the burst', () => {
    expect(judgeWindows([rules(), ...at([100, 100])])).toEqual([]);
    expect(judgeWindows([rules({ burst: 5 }), ...at([7, 7, 7, 7, 7])])).toEqual([]);
  });

  test('one admission too many is found, however long the window', () => {
    expect(judgeWindows([rules(), ...at([100, 100, 100])])).toEqual([
      expect.stringMatching(/^3 admissions in 0 ms/),
    ]);
    const drifting = at(Array.from({ length: 60 }, (_, i) => i * 95));
    expect(judgeWindows([rules(), ...drifting])).toEqual([expect.stringMatching(/admissions in \d{4} ms/)]);
  });

  test('a rate that went down counts from then on, and so does its bound', () => {
    const slower = rules({ at: 500, ratePerMinute: 60 });
    expect(judgeWindows([rules(), slower, ...at([100, 200, 300, 400, 500, 1_500])])).toEqual([]);
    expect(judgeWindows([rules(), slower, ...at([100, 200, 300, 400, 500, 600, 700])])).toHaveLength(1);
    const burst = [rules({ burst: 9 }), rules({ at: 500, ratePerMinute: 0 })];
    expect(judgeWindows([...burst, ...at([400, 400, 400, 400])])).toEqual([]);
    expect(judgeWindows([...burst, ...at([600, 600])])).toHaveLength(1);
  });

  test('a turn that lapsed allows one more, and only in windows that hold the lapse', () => {
    const three = at([900, 900, 900]);
    expect(judgeWindows([rules(), lapsed('x', 900), ...three])).toEqual([]);
    expect(judgeWindows([rules(), lapsed('x', 899), ...three])).toHaveLength(1);
  });
});

describe('the bucket', () => {
  test('starts empty', () => {
    expect(judgeBucket([rules({ at: 1_000 }), ...at([1_100])])).toEqual([]);
    expect(judgeBucket([rules({ at: 1_000 }), ...at([1_050])])).toHaveLength(1);
  });

  test('fills at the old rate until it changes', () => {
    const faster = [rules({ ratePerMinute: 60 }), rules({ at: 500, ratePerMinute: 6_000 })];
    expect(judgeBucket([...faster, ...at([505])])).toEqual([]);
    expect(judgeBucket([...faster, ...at([502])])).toHaveLength(1);
  });

  test('credits a pause with no more than it may keep', () => {
    const pause = [rules(), ...at([100]), rules({ at: 110, serves: false }), rules({ at: 9_000 })];
    const after = (ms: number, turn: number): Happening => admitted(`p${turn}`, turn, ms);
    expect(judgeBucket([...pause, after(9_000, 2), after(9_000, 3)])).toEqual([]);
    expect(judgeBucket([...pause, after(9_000, 2), after(9_000, 3), after(9_000, 4)])).toHaveLength(1);
    expect(judgeWindows([...pause, after(9_000, 2), after(9_000, 3), after(9_000, 4)])).toHaveLength(1);
  });

  test('a rate of 0 gives what was left and nothing after it', () => {
    const still = [rules(), rules({ at: 100, ratePerMinute: 0 })];
    expect(judgeBucket([...still, ...at([5_000])])).toEqual([]);
    expect(judgeBucket([...still, ...at([5_000, 50_000])])).toHaveLength(1);
  });

  test('a lapse gives back one token, of which no more is kept than B', () => {
    const lapse = [rules({ ratePerMinute: 0, burst: 1 }), ...crowd(9), lapsed('x', 50)];
    expect(judgeBucket([...lapse, ...at([50]), tick(50)])).toEqual([]);
    expect(judgeBucket([...lapse, ...at([50, 50]), tick(50)])).toHaveLength(1);
    const two = [rules({ ratePerMinute: 0, burst: 1 }), lapsed('x', 50), lapsed('y', 50), tick(50)];
    expect(judgeBucket([...two, ...at([60, 60])])).toHaveLength(1);
  });

  test('a token that is held back from somebody who waits is found, unless there is a reason', () => {
    const late = [rules(), ...crowd(2), tick(500)];
    expect(judgeBucket(late)).toEqual([expect.stringContaining('held back from 2 who waited')]);
    expect(judgeBucket([rules(), ...crowd(2), tick(90)])).toEqual([]);
    expect(judgeBucket([rules({ capacity: 0 }), ...crowd(2), tick(500)])).toEqual([]);
    expect(judgeBucket([rules({ serves: false }), ...crowd(2), tick(500)])).toEqual([]);
    expect(judgeBucket([rules(), ...crowd(1), away('v1', 5), tick(500)])).toEqual([]);
    const full = [rules({ capacity: 1 }), ...crowd(2), ...at([100]), tick(500)];
    expect(judgeBucket(full)).toEqual([]);
    expect(judgeBucket([...full, out('v1', 600), tick(600)])).toHaveLength(1);
  });
});

test('an admission at the capacity is found, and one after somebody went is none', () => {
  const full = [rules({ capacity: 2 }), ...crowd(3)];
  expect(judgeAdmissions([...full, ...steady(3)])).toEqual(['v3 was admitted while 2 of 2 were inside']);
  expect(judgeAdmissions([...full, ...steady(2), out('v1', 250), admitted('v3', 3)])).toEqual([]);
  expect(judgeAdmissions([...full, ...steady(2), claimed('v1', 1), admitted('v3', 3)])).toHaveLength(1);
  expect(
    judgeAdmissions([rules(), ...crowd(2), ...steady(1), rules({ at: 150, capacity: 1 }), admitted('v2', 2)]),
  ).toHaveLength(1);
});

test('an admission while the room does not serve is found', () => {
  const paused = [rules(), ...crowd(2), ...steady(1), rules({ at: 150, serves: false })];
  expect(judgeAdmissions([...paused, admitted('v2', 2)])).toEqual([
    'v2 was admitted while the room did not serve',
  ]);
  expect(judgeAdmissions([...paused, rules({ at: 180 }), admitted('v2', 2)])).toEqual([]);
});

test('somebody passed over is found, unless in another lane, away or gone', () => {
  const two = [rules(), waits('a', 1), waits('b', 2)];
  const over = ['b was admitted before a, who stood in front'];
  expect(judgeAdmissions([...two, admitted('b', 1)])).toEqual(over);
  expect(judgeAdmissions([rules(), waits('a', 1, 'other'), waits('b', 2), admitted('b', 1)])).toEqual([]);
  expect(judgeAdmissions([...two, out('a', 50), admitted('b', 1), waits('a', 1), admitted('a', 2)])).toEqual(
    [],
  );
  expect(judgeAdmissions([...two, away('a', 50), admitted('b', 1)])).toEqual([]);
  expect(judgeAdmissions([...two, away('a', 50), waits('a', 1), admitted('b', 1)])).toEqual(over);
});

test('a second turn for one place is found, and a second chance is none', () => {
  const once = [rules(), ...crowd(1), admitted('v1', 1)];
  expect(judgeAdmissions([...once, admitted('v1', 2)])).toContain('v1 was admitted and did not wait');
  expect(judgeAdmissions([...once, lapsed('v1', 150), waits('v1', 1), admitted('v1', 2)])).toEqual([]);
});

test('turn numbers that repeat, go back or are left out are found', () => {
  const two = [rules(), ...crowd(2), admitted('v1', 1)];
  expect(judgeAdmissions([...two, admitted('v2', 1, 200)])).toEqual(['turn 1 came after turn 1']);
  expect(judgeAdmissions([...two, admitted('v2', 4, 200)])).toEqual(['turns 2 to 3 were given to nobody']);
});

test('a claim of a turn that was another one’s, an earlier one, or over is found', () => {
  const once = [rules(), ...crowd(2), admitted('v1', 1)];
  expect(judgeAdmissions([...once, claimed('v1', 1)])).toEqual([]);
  expect(judgeAdmissions([...once, claimed('v2', 1)])).toHaveLength(1);
  expect(judgeAdmissions([...once, lapsed('v1', 140), claimed('v1', 1)])).toHaveLength(1);
});

describe('shares of lanes', () => {
  const weights = { standard: 1, priority: 3 };
  const both = (count: number): Happening[] =>
    Array.from({ length: count }, (_, i) => [
      waits(`s${i + 1}`, i + 1, 'standard'),
      waits(`p${i + 1}`, i + 1, 'priority'),
    ]).flat();
  const given = (order: string): Happening[] => {
    const count = { s: 0, p: 0 };
    return [...order].map((lane, i) => {
      count[lane as 's' | 'p'] += 1;
      return admitted(`${lane}${count[lane as 's' | 'p']}`, i + 1);
    });
  };

  test('by weight are no violation, in whatever order within a tick', () => {
    expect(judgeShares([rules({ weights }), ...both(9), ...given('ppsp')], 1)).toEqual([]);
    const atOnce = given('sspppppp').map((one) => ({ ...one, at: 5 }));
    expect(judgeShares([rules({ weights }), ...both(9), ...atOnce], 1)).toEqual([]);
  });

  test('of a lane that starves or has too much are found', () => {
    expect(judgeShares([rules({ weights }), ...both(12), ...given('ppppppppp')])).toHaveLength(1);
    expect(judgeShares([rules({ weights }), ...both(9), ...given('sss')])).toHaveLength(1);
    expect(judgeShares([rules({ weights }), ...both(9), ...given('ss')], 1)).toHaveLength(1);
  });

  test('of an empty lane go to the others', () => {
    const alone = crowd(9).map((one) => one);
    expect(judgeShares([rules({ weights }), ...alone, ...steady(9)], 1)).toEqual([]);
    const gone = [
      rules({ weights }),
      ...both(8),
      ...Array.from({ length: 8 }, (_, i) => out(`p${i + 1}`, 1)),
    ];
    expect(judgeShares([...gone, ...given('ssssss')], 1)).toEqual([]);
  });
});
