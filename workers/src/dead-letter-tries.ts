import { emitOrderEvents } from '@ropeline/core/events/order-events.ts';
import { orderOfPayload } from '@ropeline/core/jobs/outbox-entry.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import {
  type DeadLetter,
  dueLetters,
  lockLetter,
  noteFailedTry,
  settleLetter,
} from '@ropeline/core/postgres/dead-letters.ts';
import { isRefusedForGood } from '@ropeline/core/postgres/sql-state.ts';
import { holdLife } from '@ropeline/core/postgres/stock-life.ts';
import { inSavepoint, inTransaction } from '@ropeline/core/postgres/transaction.ts';
import { upsertOrders } from '@ropeline/core/postgres/upsert-orders.ts';
import type { OrderRecord } from '@ropeline/core/stock/order-record.ts';

/** What became of a try; `order` is what it wrote, if it was this one that wrote it. */
export type Try =
  | { readonly kind: 'settled'; readonly order?: OrderRecord }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'refused'; readonly error: string };

const mostAtOnce = 50;

/** Tries every letter whose time has come; by then what stood before it is in Postgres. */
export async function retryDueLetters(pool: Pool, retry: (id: number) => Promise<Try>): Promise<void> {
  for (const id of await dueLetters(pool, mostAtOnce)) await retry(id);
}

/**
 * Writes a letter's order. A version that Postgres has, or a higher one, settles the letter too. `unknown`: there is
 * no such letter, or somebody else is trying it. One of a life of the stock that is over is refused, also to an
 * operator: its order is void, and its units may be somebody else's.
 */
export function tryLetter(pool: Pool, id: number): Promise<Try> {
  return inTransaction(pool, async (client) => {
    const lifeBegan = await holdLife(client);
    const letter = await lockLetter(client, id);
    if (letter === undefined) return { kind: 'unknown' };
    if (letter.redrivenAt !== null) return { kind: 'settled' };
    const outcome = await inSavepoint(client, async (): Promise<Try> => {
      const order = orderOf(letter);
      if (lifeBegan !== undefined && letter.createdAt < lifeBegan)
        throw new Void('of a life of the stock that is over');
      await upsertOrders(client, [order]);
      await emitOrderEvents(client, [order]);
      await settleLetter(client, id);
      return { kind: 'settled', order };
    }).catch(refusal);
    if (outcome.kind === 'refused') await noteFailedTry(client, letter, outcome.error);
    return outcome;
  });
}

class Unreadable extends Error {}
class Void extends Error {}

function orderOf(letter: DeadLetter): OrderRecord {
  const order = orderOfPayload(letter.payload);
  if (order === undefined) throw new Unreadable('the payload is not a whole order');
  return order;
}

function refusal(error: unknown): Try {
  if (error instanceof Unreadable || error instanceof Void || isRefusedForGood(error)) {
    return { kind: 'refused', error: (error as Error).message };
  }
  throw error;
}
