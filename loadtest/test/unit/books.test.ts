import { describe, expect, it } from 'vitest';
import { compareOrders, comparePayments, completedUnits } from '../../check/books.ts';
import type { Ledger } from '../../check/ledger.ts';
import type { Outcome, Story } from '../../check/stories.ts';

function story(visitor: number, outcome: Outcome, orderId?: string): Story {
  return { visitor, by: 'socket', arrivedAt: 0, reopened: 0, outcome, ...(orderId ? { orderId } : {}) };
}

function ledger(parts: Partial<Ledger>): Ledger {
  return {
    capacity: 2,
    taken: 0,
    orders: [],
    payments: [],
    deadLetters: 0,
    retriedLetters: 0,
    version: '18',
    ...parts,
  };
}

const order = (orderId: string, member: number, state = 'COMPLETED') => ({
  orderId,
  memberId: `testuser${member}`,
  state,
  quantity: 1,
});

describe('the books', () => {
  const stories = [story(1, 'completed', 'o1'), story(2, 'declined', 'o2'), story(3, 'told-sold-out')];
  const kept = ledger({ orders: [order('o1', 1), order('o2', 2, 'CANCELLED')] });

  it('agree when every order is kept once, as its visitor was told', () => {
    expect(compareOrders(stories, kept)).toEqual([]);
    expect(completedUnits(kept)).toBe(1);
  });

  it('tell of an order that is lost', () => {
    expect(compareOrders(stories, ledger({ orders: [order('o2', 2, 'CANCELLED')] }))).toEqual([
      'order o1 (completed) is lost',
    ]);
  });

  it('tell of an order in another state, of another member, or that nobody ordered', () => {
    const wrong = ledger({
      orders: [order('o1', 4), order('o2', 2), order('o9', 9), { ...order('o8', 9), orderId: 'o8' }],
    });
    expect(compareOrders(stories, wrong)).toEqual([
      'order o1 of testuser1 is kept for testuser4',
      'order o2 is COMPLETED, its visitor was told declined',
      'order o9 of testuser9 was told to nobody',
      'order o8 of testuser9 was told to nobody',
      'testuser9 has more than one order',
    ]);
  });

  it('tell of an order that two visitors were given', () => {
    expect(compareOrders([...stories, story(4, 'unanswered', 'o1')], kept)).toContain(
      'order o1 was given to two visitors',
    );
  });

  it('tell of money taken twice, for nothing, or not at all', () => {
    const paid = (orderId: string, attempt = 1) => ({ orderId, attempt, state: 'paid' });
    const orders = [order('o1', 1), order('o2', 2), order('o3', 3, 'CANCELLED')];
    expect(comparePayments(ledger({ orders, payments: [paid('o1'), paid('o2')] }))).toEqual([]);
    expect(comparePayments(ledger({ orders, payments: [paid('o1'), paid('o1', 2), paid('o3')] }))).toEqual([
      'order o1 is COMPLETED and was paid 2 times',
      'order o2 is COMPLETED and was paid 0 times',
      'order o3 is CANCELLED and was paid 1 times',
    ]);
  });
});
