import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@ropeline/core/errors.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { ReserveAnswer } from '../inventory/reserve-answer.ts';
import type { CouponOffer, CouponTerms } from '../offers/offer.ts';
import { refusal } from '../orders/order-desk.ts';

/** What came of asking for a coupon. */
export type IssueOutcome = 'issued' | 'already' | 'gone';

export type Wish = {
  readonly offer: CouponOffer;
  readonly memberId: string;
  /** `jti` of the entry token; undefined where none is asked for. */
  readonly entry: string | undefined;
};

/** One key for each member and coupon: asking again is always a repeat. */
const idempotencyKey = 'coupon';
const transferMs = 50;
const mostTries = 10;

/**
 * Issues coupons, first come, one for each member. An issued coupon is an order of one unit that is complete at once:
 * when this answers it is in the stock Redis and its outbox, and reaches Postgres in the workers' chunks. That there
 * is nothing left is told from memory.
 *
 * A repeat takes nothing: while Redis keeps the key it finds the order, later the member's limit of one. So nothing
 * but the stock is asked.
 */
export class CouponDesk {
  readonly #inventory: Inventory;
  readonly #count: (outcome: IssueOutcome) => void;

  /** `count` is told every outcome. */
  constructor(inventory: Inventory, count: (outcome: IssueOutcome) => void) {
    this.#inventory = inventory;
    this.#count = count;
  }

  /** Throws 409 `coupon-closed` before and after its time, 503 when it is not known what came of it: ask again. */
  async issue(wish: Wish): Promise<IssueOutcome> {
    requireOpen(wish.offer.coupon);
    const outcome = await this.#issue(wish);
    this.#count(outcome);
    return outcome;
  }

  async #issue(wish: Wish): Promise<IssueOutcome> {
    let answer = await this.#take(wish);
    // Nobody holds coupons for payment: what is held is on its way from one shard to another.
    for (let tries = 1; answer.kind === 'all-held' && tries < mostTries; tries += 1) {
      await delay(transferMs);
      answer = await this.#take(wish);
    }
    switch (answer.kind) {
      case 'taken':
        return 'issued';
      case 'same':
        return 'already';
      case 'sold-out':
        return 'gone';
      case 'limit':
        if (answer.of === 'member') return 'already';
        throw refusal(answer);
      default:
        throw refusal(answer);
    }
  }

  #take({ offer, memberId, entry = '' }: Wish): Promise<ReserveAnswer> {
    return this.#inventory.reserve({
      offer,
      memberId,
      quantity: 1,
      units: '1',
      amountMinor: 0,
      currency: offer.currency,
      entry,
      idempotencyKey,
      bodyHash: '',
      holdMs: 0,
      memberLimit: 1,
      entryLimit: offer.perEntry ?? 0,
    });
  }
}

/** When a coupon ends that was issued then, Unix ms; null = it does not. */
export function endOf({ expiresAt, validSeconds }: CouponTerms, issuedAt: number): number | null {
  const ends = [expiresAt, validSeconds === null ? null : issuedAt + validSeconds * 1_000];
  const known = ends.filter((end) => end !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function requireOpen({ opensAt, closesAt }: CouponTerms): void {
  const now = Date.now();
  if (now >= (opensAt ?? 0) && now < (closesAt ?? Number.POSITIVE_INFINITY)) return;
  throw new AppError('coupon-closed', { members: { opensAt, closesAt } });
}
