import type { End, History } from './history.ts';
import { judgeAnswers } from './judge-answers.ts';
import { judgeMoney } from './judge-money.ts';
import { judgeSteps } from './judge-steps.ts';
import { judgeStock } from './judge-stock.ts';

/**
 * Violations of what was promised of orders, as sentences; empty = none. It knows nothing of how orders are kept, only
 * what members heard, and what is in Redis, in Postgres and in the provider's ledger when all is quiet:
 *
 * 1. no unit is two members' at one time, by what they were told and by the steps of the orders;
 * 2. an accepted order is there once, in one terminal state that agrees with every answer; a key made one order;
 * 3. money: the provider keeps the price of every COMPLETED order once, and of no other; payments say the same;
 * 4. what was held is free again: of the offer, of its names, of the member;
 * 5. Redis and Postgres count the same.
 */
export function judgeOrders(history: History, end: End): readonly string[] {
  return [...judgeAnswers(history, end), ...judgeSteps(end), ...judgeMoney(end), ...judgeStock(end)];
}
