import { describe, expect, it } from 'vitest';
import { outboxEmptyAfter } from '../../check/outbox.ts';
import type { Story } from '../../check/stories.ts';
import { type Facts, judge, passed } from '../../check/verdict.ts';

const ticket = (visitor: string, score: number): string =>
  `v1.kid.demo.1.1.epoch.${visitor}.standard.${score}.0.mac`;

const stories: readonly Story[] = [
  {
    visitor: 1,
    by: 'socket',
    arrivedAt: 1_000,
    joinedAt: 1_010,
    ticket: ticket('alice', 1),
    enteredAt: 1_100,
    acceptedAt: 1_200,
    orderId: 'o1',
    reopened: 0,
    outcome: 'completed',
  },
  {
    visitor: 2,
    by: 'poll',
    arrivedAt: 1_020,
    joinedAt: 1_030,
    ticket: ticket('bob', 2),
    reopened: 0,
    outcome: 'told-sold-out',
  },
];

/** One ticket, two visitors, everything as it should be. */
const kept: Facts = {
  visitors: 2,
  sellsOut: true,
  stories,
  failed: { plain: 0, unresolved: 0 },
  stock: { capacity: 1, held: 0, sold: 1 },
  ledger: {
    capacity: 1,
    taken: 1,
    orders: [{ orderId: 'o1', memberId: 'testuser1', state: 'COMPLETED', quantity: 1 }],
    payments: [{ orderId: 'o1', attempt: 1, state: 'paid' }],
    deadLetters: 0,
    retriedLetters: 0,
    version: '18',
  },
  outboxEmptyAfterMs: 300,
  room: {
    record: { events: [{ at: 1_050, kind: 'admitted', visitor: 'alice' }], missing: 0, epochs: 1 },
    rules: [{ at: 0, ratePerMinute: 3_600, burst: 0 }],
    capacity: 10,
  },
};

function missed(changed: Partial<Facts>): readonly string[] {
  return judge({ ...kept, ...changed })
    .filter((check) => check.kept === false)
    .map(({ goal }) => goal);
}

describe('the verdict', () => {
  it('is good when every goal is kept', () => {
    expect(missed({})).toEqual([]);
    expect(passed(judge(kept))).toBe(true);
  });

  it('misses a visitor who said nothing', () => {
    expect(missed({ visitors: 3 })).toEqual(['every visitor has an answer']);
  });

  it('takes 0.1 % of failed requests for too many', () => {
    expect(missed({ failed: { plain: 0.001, unresolved: 0 } })).toEqual(['http_req_failed < 0.1 %']);
    expect(missed({ failed: { plain: 0, unresolved: 0.001 } })).toHaveLength(1);
  });

  it('notices a ticket that was not sold, in Postgres and in Redis', () => {
    const ledger = { ...kept.ledger, orders: [], payments: [], taken: 0 };
    expect(missed({ ledger })).toEqual([
      'everything is sold',
      "COMPLETED orders in Postgres are k6's completed payments",
      'no order lost, doubled or unknown',
      'Redis and Postgres agree: sold, held, capacity',
    ]);
  });

  it('notices a unit that stayed held', () => {
    expect(missed({ stock: { capacity: 1, held: 1, sold: 1 } })).toContain('no unit still held');
  });

  it('notices an outbox that took longer than 2 s, or never ended', () => {
    expect(missed({ outboxEmptyAfterMs: 2_001 })).toHaveLength(1);
    expect(missed({ outboxEmptyAfterMs: undefined })).toHaveLength(1);
  });

  it('does not trust a record of the room with a gap', () => {
    const room = kept.room && { ...kept.room, record: { ...kept.room.record, missing: 1 } };
    expect(missed({ room })).toEqual(["the room's record is whole"]);
  });

  it('notices an entry without an admission on record', () => {
    const room = kept.room && {
      ...kept.room,
      record: { events: [{ at: 1_050, kind: 'admitted' as const, visitor: 'bob' }], missing: 0, epochs: 1 },
    };
    expect(missed({ room })).toEqual([
      'who was told of a turn was given one',
      'guarantee 2: first in, first out',
    ]);
  });

  it('reports the crowd of a run without a room, and judges its sales', () => {
    const checks = judge({ ...kept, room: undefined, visitors: 3, failed: { plain: 0.5, unresolved: 0.5 } });
    expect(passed(checks)).toBe(true);
    const held = judge({ ...kept, room: undefined, stock: { capacity: 1, held: 1, sold: 1 } });
    expect(passed(held)).toBe(false);
  });
});

describe('the outbox', () => {
  const sample = (at: number, outbox: number) => ({ at, outbox, waiting: 0, held: 0, sold: 0 });

  it('is empty at the first sample after the last acceptance from which on it stays empty', () => {
    expect(
      outboxEmptyAfter([sample(1_100, 0), sample(1_300, 4), sample(1_400, 0), sample(1_500, 0)], stories),
    ).toBe(200);
    expect(outboxEmptyAfter([sample(1_100, 4), sample(1_150, 0), sample(1_250, 0)], stories)).toBe(50);
  });

  it('may never be', () => {
    expect(outboxEmptyAfter([sample(1_100, 0), sample(1_300, 4)], stories)).toBeUndefined();
  });
});
