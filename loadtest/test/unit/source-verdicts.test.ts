import { expect, test } from 'vitest';
import { bySecond, emptyAfter, peakOf, worstBacklog } from '../../check/backlog.ts';
import { type Issue, judgeCoupon, readIssues } from '../../check/coupon.ts';
import { type BookCall, judgeHotel, readBookCalls } from '../../check/hotel.ts';
import { judgeOutage, type OutageFacts } from '../../check/outage.ts';
import { judgeSeats, type Pair, readPairs } from '../../check/seats.ts';
import { judgeTimeDeal, readTimeDeal } from '../../check/time-deal.ts';
import type { Check } from '../../check/verdict.ts';

const missed = (checks: readonly Check[]): readonly string[] =>
  checks.filter(({ kept }) => kept === false).map(({ goal }) => goal);

test('a backlog is held against what was accepted in the two seconds before', () => {
  const looks = [0, 1, 2, 3, 4].map((second) => ({ at: second * 1_000, waiting: 0, taken: second * 100 }));
  expect(worstBacklog(looks)).toBe(0);
  expect(worstBacklog(looks.map((look) => ({ ...look, waiting: look.at === 3_000 ? 50 : 0 })))).toBe(0.25);
  expect(worstBacklog(looks.map((look) => ({ ...look, waiting: look.at === 3_000 ? 300 : 0 })))).toBe(1.5);
  expect(worstBacklog(looks.map((look) => ({ ...look, taken: 7, waiting: 1 })))).toBe(
    Number.POSITIVE_INFINITY,
  );
});

test('an outbox is empty from the first look after which nothing waits any more', () => {
  const look = (at: number, waiting: number) => ({ at, waiting, taken: at });
  expect(emptyAfter([look(0, 5), look(100, 0), look(200, 3), look(300, 0)], 50)).toBe(250);
  expect(emptyAfter([look(0, 5), look(100, 1)], 50)).toBeUndefined();
  expect(peakOf([look(0, 5), look(100, 9)])).toBe(9);
  expect(bySecond([look(0, 5), look(500, 9), look(900, 1), look(1_100, 2)])).toEqual([
    [0, 900, 9, 1],
    [1, 200, 2, 2],
  ]);
});

const issues: readonly Issue[] = readIssues('a 202 issued 1000\nb 202 issued 1100\nc 202 gone 1200\n');
const couponFacts = {
  issues,
  holders: ['source:a', 'source:b'],
  looks: [
    { at: 900, waiting: 0, taken: 0 },
    { at: 1_300, waiting: 0, taken: 2 },
  ],
  p95Ms: { steady: 10, ramp: 500 },
};

test('coupons: a lost one, a doubled one, slow answers, failures and a backlog that stays are each found', () => {
  expect(missed(judgeCoupon(couponFacts))).toEqual([]);
  expect(missed(judgeCoupon({ ...couponFacts, holders: ['source:a'] }))).toContain(
    'every coupon issued is in Postgres',
  );
  expect(missed(judgeCoupon({ ...couponFacts, holders: ['source:a', 'source:b', 'source:b'] }))).toEqual([
    'nobody has two, nobody has one unasked',
  ]);
  expect(missed(judgeCoupon({ ...couponFacts, p95Ms: { steady: 10, ramp: 2_001 } }))).toHaveLength(1);
  const failing = [...issues, { userId: 'd', status: 500, outcome: '-', at: 1_250 }];
  expect(missed(judgeCoupon({ ...couponFacts, issues: failing }))).toEqual(['failures below 5 %']);
  const stuck = [...couponFacts.looks, { at: 9_000, waiting: 4, taken: 2 }];
  expect(missed(judgeCoupon({ ...couponFacts, looks: stuck }))).toEqual([
    'backlog 0 within 5 s of the last answer',
  ]);
});

test('time deal: 101 or 99 reserved of 100 pieces are found, and a stock that went below zero', () => {
  const lines = (taken: number, rest: string): string =>
    [...Array.from({ length: 150 }, (_, at) => `reserve ${at < taken ? 200 : 409}`), rest].join('\n');
  const well = 'reserved 100\nconfirm 200\nleft 0 0';
  expect(missed(judgeTimeDeal(readTimeDeal(lines(100, well))))).toEqual([]);
  expect(missed(judgeTimeDeal(readTimeDeal(lines(101, well))))).toContain('exactly 100 reserved');
  expect(missed(judgeTimeDeal(readTimeDeal(lines(99, well))))).toContain('exactly 100 reserved');
  expect(
    missed(judgeTimeDeal(readTimeDeal(lines(100, 'reserved 100\nconfirm 200\nleft 0 -1')))),
  ).toHaveLength(1);
  expect(missed(judgeTimeDeal(readTimeDeal('')))).toHaveLength(5);
});

test('seats: two winners on one seat are found, and a seat that Postgres does not have', () => {
  const names = Array.from({ length: 140 }, (_, at) => `A${at + 1}`);
  const pairs: readonly Pair[] = readPairs(names.map((seat) => `${seat} 200 400 12.5 13`).join('\n'));
  const facts = { pairs, sold: names, p90Ms: { database: 900, memory: 400 }, failed: 0 };
  expect(missed(judgeSeats(facts))).toEqual([]);
  const [first, ...others] = pairs;
  const both = [{ ...(first as Pair), statuses: [200, 200] as const }, ...others];
  expect(missed(judgeSeats({ ...facts, pairs: both }))).toEqual([
    'two on one seat: one has it, the other is told so',
  ]);
  expect(missed(judgeSeats({ ...facts, sold: names.slice(1) }))).toEqual([
    'each seat is one order in Postgres',
  ]);
  expect(missed(judgeSeats({ ...facts, p90Ms: { database: 3_000, memory: 400 } }))).toHaveLength(1);
});

const bookCalls = readBookCalls(
  '1 10 2 201 0 - 100 200\n1 11 1 409 0 taken 150 250\n2 10 1 201 0 - 100 300\n',
);
const hotelFacts = { calls: bookCalls, stays: ['1 10 2', '2 10 1'] };
const [firstBook, refusal] = bookCalls as readonly [BookCall, BookCall];

test('hotel: a night sold twice, an untrue 409, a lost stay, a 500 and a late answer are each found', () => {
  expect(missed(judgeHotel(hotelFacts))).toEqual([]);
  const again = { ...firstBook, began: 400, ended: 500 };
  expect(missed(judgeHotel({ ...hotelFacts, calls: [...bookCalls, again] }))).toEqual([
    'no night sold twice',
  ]);
  const untrue = { ...refusal, from: 12 };
  expect(missed(judgeHotel({ ...hotelFacts, calls: [...bookCalls, untrue] }))).toContain(
    '409 only for nights truly taken',
  );
  const tooEarly = { ...refusal, began: 10, ended: 90 };
  expect(missed(judgeHotel({ ...hotelFacts, calls: [...bookCalls, tooEarly] }))).toContain(
    '409 only for nights truly taken',
  );
  expect(missed(judgeHotel({ ...hotelFacts, stays: ['2 10 1'] }))).toEqual([
    'Postgres has every stay sold, once',
  ]);
  expect(missed(judgeHotel({ ...hotelFacts, stays: [...hotelFacts.stays, '2 10 1'] }))).toHaveLength(1);
  const broken = { ...firstBook, from: 20, status: 500, ended: 5_200 };
  expect(missed(judgeHotel({ ...hotelFacts, calls: [...bookCalls, broken] }))).toEqual([
    'at least 95 % of the free nights asked for are sold',
    'nothing but 201, 202, 409 and a 503 that says when',
    'the longest answer below 5 s',
  ]);
});

test('hotel: a 503 that says when is no failure, but its nights are free nights that were not sold', () => {
  const later = { ...firstBook, from: 30, status: 503, retryAfter: 1 };
  const checks = judgeHotel({ ...hotelFacts, calls: [...bookCalls, later] });
  expect(missed(checks)).toEqual(['at least 95 % of the free nights asked for are sold']);
  const untold = { ...later, retryAfter: 0 };
  expect(missed(judgeHotel({ ...hotelFacts, calls: [...bookCalls, untold] }))).toContain(
    'nothing but 201, 202, 409 and a 503 that says when',
  );
});

const outageFacts: OutageFacts = {
  orders: 2,
  accepted: ['x', 'y'],
  later: 0,
  longestMs: 20,
  rows: [
    { orderId: 'x', state: 'RESERVED' },
    { orderId: 'y', state: 'RESERVED' },
  ],
  events: 2,
  taken: 2,
  held: 2,
  looks: [
    { at: 150, waiting: 0, taken: 0 },
    { at: 180, waiting: 2, taken: 2 },
    { at: 250, waiting: 0, taken: 2 },
  ],
  isEmpty: true,
  stoppedAt: 100,
  backAt: 200,
  lastAt: 240,
};

test('outage: a lost order, one of nobody, a missing event and a backlog that stays are each found', () => {
  expect(missed(judgeOutage(outageFacts))).toEqual([]);
  const [one, other] = outageFacts.rows as readonly [OutageFacts['rows'][0], OutageFacts['rows'][0]];
  expect(missed(judgeOutage({ ...outageFacts, rows: [one] }))).toEqual([
    'nothing lost: every order is in Postgres',
  ]);
  expect(
    missed(judgeOutage({ ...outageFacts, rows: [one, other, { orderId: 'z', state: 'EXPIRED' }] })),
  ).toEqual(['nothing there that nobody was told of', 'all of them RESERVED, as they were answered']);
  expect(missed(judgeOutage({ ...outageFacts, events: 1 }))).toEqual(['one event each']);
  expect(missed(judgeOutage({ ...outageFacts, taken: 1 }))).toEqual(['Redis and Postgres count the same']);
  expect(missed(judgeOutage({ ...outageFacts, isEmpty: false }))).toEqual(['backlog back to zero']);
  expect(missed(judgeOutage({ ...outageFacts, accepted: ['x', 'x'] }))).toContain(
    'each has an id of its own',
  );
});
